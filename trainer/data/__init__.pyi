from .folds import Fold
from .memory import InMemory
from .sources import BUILT_IN, name_of, read
from .splits import TEST, Draw, Splits, Which, load, split
from .tables import Table

__all__ = [
    "BUILT_IN",
    "TEST",
    "Draw",
    "Fold",
    "InMemory",
    "Splits",
    "Table",
    "Which",
    "load",
    "name_of",
    "read",
    "split",
]
