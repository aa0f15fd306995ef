from .estimator import MLPClassifier, MLPRegressor
from .model import ClassifierModel, RegressorModel
from .model_file import load, save
from .onnx_file import save_onnx
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
    "save_onnx",
    "train_population",
]
