"""The network inside a user's own cost function.

``model`` holds it as a record (layers, cost, penalties, layout); ``identification`` finds it: the
parameters' shapes give the chain of layers, activations and cost are tried until J agrees.
"""
