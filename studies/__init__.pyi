from .database.files import DEFAULT_STORAGE
from .loading import load, names
from .study import Study

__all__ = ["DEFAULT_STORAGE", "Study", "load", "names"]
