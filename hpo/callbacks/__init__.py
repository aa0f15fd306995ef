"""Objects of yours that hear what happens in a search, and some that log it where people look.

    study = hpo.search(train, …, callbacks=[hpo.callbacks.MLflow("sqlite:///mlflow.db")])

`hpo.callbacks.protocol` says what a callback is.
"""

from hpo.callbacks.mlflow import MLflow
from hpo.callbacks.protocol import Callback, EndedTrial
from hpo.callbacks.tensorboard import TensorBoard
from hpo.callbacks.wandb import WandB

__all__ = ["Callback", "EndedTrial", "MLflow", "TensorBoard", "WandB"]
