"""Tables: reading files, columns as arrays, the target, the encoder, splits and metrics."""
