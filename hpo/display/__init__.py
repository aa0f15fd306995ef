"""How a search and its results are shown: on a terminal, in a notebook, as lines of text."""
