"""Where results lie and how they get there: atomic, idempotent, fingerprinted."""
