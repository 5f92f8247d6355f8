"""The mathematics of backpropagation, written once: pure functions over an array namespace."""
