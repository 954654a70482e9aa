"""Which pairs are kept: held against what is known of the video."""
