"""Real games with engine truth: Freedoom through ViZDoom, played by scripted bots and recorded tic by tic."""
