"""The gallery of public bugs: wrong and right but awkward gradients, each from a public thread.

A file holds the cases of one field. ``record.py`` says what a case is and how a report on it is
judged; ``doors.py`` holds the ways in which a case is checked.
"""
