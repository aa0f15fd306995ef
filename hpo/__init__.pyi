from . import callbacks, errors
from .api import (
    confirm,
    inspect,
    open,  # noqa: A004  # hpo.open, not the built-in
    population,
    reproduce,
    resume,
    search,
    train,
)
from .client import Client
from .errors import (
    CancelledError,
    ConnectionLostError,
    DataError,
    HeldError,
    HpoError,
    NoSuchStudyError,
    NothingToAskError,
    NoTrialSucceededError,
    PlanError,
    ServiceError,
    StorageError,
    StudyExistsError,
    TooManyFailuresError,
)
from .plan.space import Categorical, Float, Int
from .search_cv import SearchCV
from .trainables.reporting import Stop
from .version import __version__

__all__ = [
    "CancelledError",
    "Categorical",
    "Client",
    "ConnectionLostError",
    "DataError",
    "Float",
    "HeldError",
    "HpoError",
    "Int",
    "NoSuchStudyError",
    "NoTrialSucceededError",
    "NothingToAskError",
    "PlanError",
    "SearchCV",
    "ServiceError",
    "Stop",
    "StorageError",
    "StudyExistsError",
    "TooManyFailuresError",
    "__version__",
    "callbacks",
    "confirm",
    "errors",
    "inspect",
    "open",
    "population",
    "reproduce",
    "resume",
    "search",
    "train",
]
