"""What a search can train: the network, or a function of the user's, behind one protocol."""
