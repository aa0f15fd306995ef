"""What a study was made with: versions, platform, BLAS; recorded so that a difference can be explained later."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from hpo.version import __version__

PACKAGES = ("numpy", "optuna", "scikit-learn", "scipy", "sqlalchemy")


def provenance() -> dict[str, Any]:
    """Versions of Python and of the packages that numbers depend on, the machine's kind, the BLAS and its kernels.

    OpenBLAS and MKL choose their kernels by the processor (or by the environment: `OPENBLAS_CORETYPE`), and two
    kernels round differently.
    """
    import numpy  # noqa: F401  # loads the BLAS that is asked about
    from threadpoolctl import threadpool_info

    return {
        "versions": {"python": platform.python_version(), "hpo": __version__}
        | {package: version(package) for package in PACKAGES},
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "blas": [
            {key: library.get(key) for key in ("internal_api", "version", "architecture")}
            for library in threadpool_info()
            if library["user_api"] == "blas"
        ],
    }


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is different between two of `provenance`, in a few words each."""
    old, new = dict(then.get("versions", {})), dict(now.get("versions", {}))
    old |= {name: then.get(name) for name in ("system", "machine")}
    new |= {name: now.get(name) for name in ("system", "machine")}
    said = [
        f"{name} {old.get(name)}, now {new.get(name)}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    kernels = [sorted(map(_kernels, p.get("blas", []))) for p in (then, now)]
    if kernels[0] != kernels[1]:
        said.append(f"BLAS {', '.join(kernels[0])}, now {', '.join(kernels[1])}")
    return said


def _kernels(library: Mapping[str, Any]) -> str:
    return " ".join(str(library.get(key)) for key in ("internal_api", "version", "architecture"))
