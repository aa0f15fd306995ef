from .estimator import MLPClassifier, MLPRegressor
from .population import train_population
from .workers import Workers

__all__ = ["MLPClassifier", "MLPRegressor", "Workers", "train_population"]
