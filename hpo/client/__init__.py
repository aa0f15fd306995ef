"""Clients of a service (`hpo serve`), on any machine."""
