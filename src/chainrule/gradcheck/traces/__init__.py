"""A program's own chain of operations, recorded while it runs, and mistakes made in it on purpose.

``steps`` holds the record and its backward pass; ``tape`` records NumPy programs by means of
``rules``, ``torch_graph`` reads the graph that autograd recorded. ``changes`` lists the mistakes:
a part that does not come back, a slope left out, a sign. The one whose gradient is the gradient in
hand is the diagnosis; it is only tried where the right backward pass gives the numerical gradient.
"""
