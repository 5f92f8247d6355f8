"""Patterns of an error that name its cause where the network behind it is not known."""
