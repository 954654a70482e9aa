"""Checks of a release, and its card."""
