"""Scores and attention become numbers that can be laid side by side; NumPy only."""
