"""Releases: frozen training sets, and how they are built."""
