"""Is it right, and what does it cost: questions about encoders and explanations that are answered with numbers."""
