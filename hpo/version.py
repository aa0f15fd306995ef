"""The version of the distribution, which is called hpo-rounds: on the package index `hpo` is somebody else's."""

from importlib.metadata import version

__version__ = version("hpo-rounds")
