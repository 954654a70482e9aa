"""Video files: found, fetched, probed, and decoded exactly, in one pass and in bounded memory."""
