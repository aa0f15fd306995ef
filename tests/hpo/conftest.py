"""What the tests of the search share: threads to train in."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor

import pytest

from hpo.executors.threads import threads


@pytest.fixture
def pool() -> Iterator[Executor]:
    """Two threads that train."""
    with threads(2) as made:
        yield made
