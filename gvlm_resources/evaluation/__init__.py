"""Measures of quality against truth. Nothing on the way from a video to its answers imports this package."""
