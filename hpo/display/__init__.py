"""Shows a search and its results on a terminal, in a notebook, or as plain lines."""
