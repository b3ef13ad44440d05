"""Wrong variants of our own code, each of which the simulation or a test must catch."""
