"""Files: the model file (safetensors), and writing that never leaves half a file behind."""
