"""Known mistakes in a backward pass: the table, the edits they make, and the pass they edit."""
