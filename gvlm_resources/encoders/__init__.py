"""Frozen networks that turn frames, clips and sound into vectors, tracks and labels."""
