"""Small pictures of results for the Dagster UI. Each function gives the bytes of a whole image file."""
