"""What can be trained: the network, or a function of the user's, behind one protocol."""
