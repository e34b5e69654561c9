"""Do methods deserve trust: over sets of inputs whose answer somebody marked, and for one input of one's own."""
