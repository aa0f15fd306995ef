"""The training of a model, as a job of the queue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hpo.serve.database import ServiceDatabase


def run_training(
    database: ServiceDatabase, job: sa.Row[Any], folder: Path, model_bytes: int
) -> None:
    """Train the model of a job and keep it."""
    raise NotImplementedError
