from .operations import population, reproduce, resume, search
from .plan.space import Categorical, Float, Int
from .version import __version__

__all__ = [
    "Categorical",
    "Float",
    "Int",
    "__version__",
    "population",
    "reproduce",
    "resume",
    "search",
]
