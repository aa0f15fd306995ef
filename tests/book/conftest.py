from __future__ import annotations

import pytest

from scripts.book.data import Images, digits


@pytest.fixture(scope="session")
def images() -> Images:
    return digits()
