"""What a stored study says: frames, finalists, importance, advice."""
