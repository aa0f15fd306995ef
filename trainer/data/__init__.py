"""Data sources, and the rows that a network is trained and scored on."""
