"""Adapters: the same check for code written in other frameworks; each imports its own when used."""
