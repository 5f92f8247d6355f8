"""How a numerical derivative is measured: the four things that can be checked.

``functions`` (a cost and a gradient known by calls: ``entrywise`` or along ``directions``),
``network`` (every z moved, the layers above run anew), ``layers`` (one layer's backward alone);
modules of other frameworks come through ``adapters`` to ``functions``. ``taylor`` is a second
opinion on each. A strategy fills in ``Checked`` arrays; it knows neither mistakes nor renderers.
"""
