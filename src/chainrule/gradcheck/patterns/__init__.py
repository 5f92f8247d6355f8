"""Patterns of an error, where no network is known: the numbers themselves tell the mistake.

A pattern is a function of one array's numbers (``Checked``) and the ``evidence`` beside it: the
other arrays, the data, the number of samples. It returns a ``Finding`` only if that fits every
entry, with entries to spare. ``entries`` has the table and its order; the others hold patterns of
one kind each. A new pattern is one more function in a table.
"""
