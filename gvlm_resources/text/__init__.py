"""Text in a video: what is written on the screen and what is said."""
