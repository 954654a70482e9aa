"""What happened when: typed game state, and the events made from it and from what was read, heard and seen."""
