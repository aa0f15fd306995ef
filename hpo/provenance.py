"""What a study was made with: versions, platform; recorded so that a difference can be explained later."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

PACKAGES = ("hpo", "numpy", "optuna", "scikit-learn", "scipy", "sqlalchemy")


def provenance() -> dict[str, Any]:
    """Versions of Python and of the packages that numbers depend on, and the machine's kind."""
    return {
        "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
    }
