"""What happens in a search, told to its viewers as it happens."""
