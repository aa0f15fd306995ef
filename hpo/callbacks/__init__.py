"""Objects of yours that hear what happens in a search, and some that log it where people look.

    study = hpo.search(train, …, callbacks=[hpo.callbacks.MLflow("sqlite:///mlflow.db")])

`hpo.callbacks.protocol` says what a callback is. Those that log take a tenth of a second a trial and more, for which
the search waits: they are for models that train for seconds and longer. Each search needs its own.
"""

from hpo.callbacks.mlflow import MLflow
from hpo.callbacks.protocol import Callback, EndedTrial
from hpo.callbacks.tensorboard import TensorBoard
from hpo.callbacks.wandb import WandB

__all__ = ["Callback", "EndedTrial", "MLflow", "TensorBoard", "WandB"]
