"""Other frameworks: their gradients as functions of NumPy arrays. Each is imported when used."""
