from . import errors
from .errors import (
    CancelledError,
    ConnectionLostError,
    DataError,
    HeldError,
    HpoError,
    NoSuchStudyError,
    NothingToAskError,
    PlanError,
    StorageError,
    StudyExistsError,
    TooManyFailuresError,
)
from .operations import population, reproduce, resume, search
from .plan.space import Categorical, Float, Int
from .version import __version__

__all__ = [
    "CancelledError",
    "Categorical",
    "ConnectionLostError",
    "DataError",
    "Float",
    "HeldError",
    "HpoError",
    "Int",
    "NoSuchStudyError",
    "NothingToAskError",
    "PlanError",
    "StorageError",
    "StudyExistsError",
    "TooManyFailuresError",
    "__version__",
    "errors",
    "population",
    "reproduce",
    "resume",
    "search",
]
