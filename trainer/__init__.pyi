from .estimator import MLPClassifier, MLPRegressor
from .model import ClassifierModel, RegressorModel
from .model_file import load, save
from .population import train_population
from .workers import Workers

__all__ = [
    "ClassifierModel",
    "MLPClassifier",
    "MLPRegressor",
    "RegressorModel",
    "Workers",
    "load",
    "save",
    "train_population",
]
