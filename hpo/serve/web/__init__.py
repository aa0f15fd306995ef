"""The pages, rendered on the server. All but the live updates of a running search works without script."""
