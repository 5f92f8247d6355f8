"""Seeing both passes: the chain rule expanded, the illustration, the page, the report."""
