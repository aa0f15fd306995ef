"""A search with stages that tests of its record share."""

from __future__ import annotations

import pytest

import hpo
from studies import Study
from tests.hpo.recorded import PLAN


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A search with 18 trials and 12 trainings that confirm. Not to be written to."""
    storage = f"sqlite:///{tmp_path_factory.mktemp('confirmed') / 'study.db'}"
    return hpo.search("wine", **PLAN, storage=storage, name="w")
