"""Trains the small checkpoints of the `cpu` profile on recorded games with engine truth. Not part of the main path."""
