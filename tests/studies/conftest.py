"""What tests of a database start from: one with the study "s", held by its writer, and another that reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from studies.store import Store, create_store, open_store
from studies.writer import Writer


@pytest.fixture
def new() -> dict[str, Any]:
    """What a new study is made of, but for its name."""
    return {
        "direction": "maximize",
        "plan": json.dumps({"seed": 7}),
        "metric": "accuracy",
        "data_hash": "0" * 64,
        "provenance": {},
    }


@pytest.fixture
def store(storage: str) -> Iterator[Store]:
    with create_store(storage) as opened:
        yield opened


@pytest.fixture
def writer(store: Store, new: dict[str, Any]) -> Iterator[Writer]:
    with store.create_study("s", **new) as opened:
        yield opened


@pytest.fixture
def reader(storage: str, store: Store) -> Iterator[Store]:
    """Another connection to the same database, which sees what is committed."""
    assert store.url == storage
    with open_store(storage) as opened:
        yield opened
