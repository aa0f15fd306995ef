"""Pages made of a stored study: the report, and what a notebook shows."""
