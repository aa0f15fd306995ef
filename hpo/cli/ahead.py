"""Work for the time in which another process gets ready to read the data (see `trainer.data.remote`)."""

from __future__ import annotations


def warm_up() -> None:
    """Do what is slow for the first time: read the statements of a new file, import what draws settings."""
    from scipy import linalg, optimize, spatial  # noqa: F401

    from hpo.choose import suggest  # noqa: F401
    from studies.database import schema

    schema.statements()
