"""Questions about a video answered from its timeline, with the moments that say so."""
