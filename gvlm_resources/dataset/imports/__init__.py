"""Pairs and features made elsewhere."""
