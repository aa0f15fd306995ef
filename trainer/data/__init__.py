"""From a source (a built-in name, a file, a folder of MNIST) to the rows that a network is trained and scored on.

`read` makes a `Table` of a source; `split` sets its test rows apart and divides the others into training and validation
rows (`Splits`); `load` does both and returns a `Draw`, which makes one split after another. Test rows are in no
`Splits` but the one that is asked for by name, `TEST`. What is learned from data (means, standard deviations, what
replaces a missing value, the list of a column's categories) is learned from training rows alone and applied unchanged
to all others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.data.sources import BUILT_IN, name_of, read
    from trainer.data.splits import TEST, Draw, Splits, Which, load, split
    from trainer.data.tables import Table
    from trainer.errors import DataError

__all__ = [
    "BUILT_IN",
    "TEST",
    "DataError",
    "Draw",
    "Splits",
    "Table",
    "Which",
    "load",
    "name_of",
    "read",
    "split",
]

_HOMES = {
    "BUILT_IN": "trainer.data.sources",
    "TEST": "trainer.data.splits",
    "DataError": "trainer.errors",
    "Draw": "trainer.data.splits",
    "Splits": "trainer.data.splits",
    "Table": "trainer.data.tables",
    "Which": "trainer.data.splits",
    "load": "trainer.data.splits",
    "name_of": "trainer.data.sources",
    "read": "trainer.data.sources",
    "split": "trainer.data.splits",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
