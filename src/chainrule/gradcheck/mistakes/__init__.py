"""Mistakes made on purpose, where the network is known.

``table`` lists them: a name, a sentence, the right formula, and the ``edits`` that spoil one stage
of a layer's pass in ``backward``. The mistake whose gradient is the one in hand is the diagnosis.
A new mistake is one more entry of the table.
"""
