"""The network inside somebody's own cost function."""
