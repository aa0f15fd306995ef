"""The record: what was tried. Every trial in an ordinary Optuna database, and how to read it again.

`load(name, storage)` gives a `Study` with dataframes, the best trial, a summary and a report; `names(storage)` lists
what a database holds.
"""

import lazy_loader

# SQLAlchemy is not imported before a study is asked for.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
