"""Training examples: their format, what they show, their files."""
