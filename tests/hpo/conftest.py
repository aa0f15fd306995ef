"""What the tests of the search share: threads to train in, and an Optuna that says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor

import optuna
import pytest

from hpo.executors.threads import threads


@pytest.fixture
def pool() -> Iterator[Executor]:
    """Two threads that train."""
    with threads(2) as made:
        yield made


@pytest.fixture
def quiet_optuna() -> Iterator[None]:
    """Optuna announces studies and trials; not here."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(level)
