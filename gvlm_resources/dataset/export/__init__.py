"""Releases in the formats of the field's tools. docs/exports.md says how each is loaded."""
