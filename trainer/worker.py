"""Stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self


class Worker:
    """Stand-in."""

    def training(self, function: Any, shared: Any, *arguments: Any) -> Any:
        """Stand-in."""


class Workers:
    """Stand-in."""

    def __init__(self, most: int, first: Worker | None = None) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @contextmanager
    def place(self) -> Iterator[Worker | None]:
        """Stand-in."""
        yield None
