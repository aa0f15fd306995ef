"""Model cards: what a model is, how good it is on rows that it never saw, and what it must not be used for."""
