"""The HTTP API, /api/v1, one router for each kind of thing."""
