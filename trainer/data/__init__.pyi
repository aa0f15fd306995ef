from .memory import InMemory
from .reading import Reading
from .sources import BUILT_IN, name_of, read
from .splits import TEST, Draw, Splits, Which, load, split
from .tables import Table
from .unlabelled import unlabelled

__all__ = [
    "BUILT_IN",
    "TEST",
    "Draw",
    "InMemory",
    "Reading",
    "Splits",
    "Table",
    "Which",
    "load",
    "name_of",
    "read",
    "split",
    "unlabelled",
]
