from .files import pieces
from .folds import Fold
from .layout import Layout
from .memory import InMemory
from .reading import Reading
from .sources import BUILT_IN, name_of, read
from .splits import Draw, Splits, load, split
from .tables import Table
from .unlabelled import unlabelled
from .which import TEST, Which

__all__ = [
    "BUILT_IN",
    "TEST",
    "Draw",
    "Fold",
    "InMemory",
    "Layout",
    "Reading",
    "Splits",
    "Table",
    "Which",
    "load",
    "name_of",
    "pieces",
    "read",
    "split",
    "unlabelled",
]
