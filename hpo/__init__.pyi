from .api import open, population, reproduce, resume, search  # noqa: A004  # hpo.open, not the built-in
from .plan.space import Categorical, Float, Int
from .version import __version__

__all__ = [
    "Categorical",
    "Float",
    "Int",
    "__version__",
    "open",
    "population",
    "reproduce",
    "resume",
    "search",
]
