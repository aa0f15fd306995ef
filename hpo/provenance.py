"""What a study was made with: versions, platform, BLAS; recorded so that a difference can be explained later."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

PACKAGES = ("hpo", "numpy", "optuna", "scikit-learn", "scipy", "sqlalchemy")


def provenance() -> dict[str, Any]:
    """Versions of Python and of the packages that numbers depend on, the machine's kind, the BLAS and its kernels.

    OpenBLAS and MKL choose their kernels by the processor (or by the environment: `OPENBLAS_CORETYPE`), and two
    kernels round differently.
    """
    import numpy  # noqa: F401  # loads the BLAS that is asked about
    from threadpoolctl import threadpool_info

    return {
        "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "blas": [
            {key: library.get(key) for key in ("internal_api", "version", "architecture")}
            for library in threadpool_info()
            if library["user_api"] == "blas"
        ],
    }
