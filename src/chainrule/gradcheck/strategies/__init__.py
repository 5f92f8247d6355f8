"""Strategies: how numerical derivatives are taken of a network, its layers, or any function."""
