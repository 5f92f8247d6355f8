"""A fifth of the gallery, written with the rest and kept from the author of the diagnoses."""
