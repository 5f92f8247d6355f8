"""Drawing: pictures as lists of shapes, formulas as trees, and what writes them out."""
