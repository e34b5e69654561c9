"""Inputs whose answer somebody marked, and how well every method points at the marks: sets, runs over them, tables."""
