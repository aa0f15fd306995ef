"""The versions, platform and BLAS that a study was made with, recorded to explain differences later."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hpo.plan.plan import Plan
from hpo.trainables.protocol import Trainable
from hpo.version import __version__

PACKAGES = ("numpy", "optuna", "scikit-learn", "scipy", "sqlalchemy")


def provenance() -> dict[str, Any]:
    """Versions of Python and of the packages that results depend on, the kind of machine, the BLAS and its kernels.

    OpenBLAS and MKL choose kernels by the processor (or by `OPENBLAS_CORETYPE`), and two kernels may round differently.
    The BLAS is NumPy's, where NumPy has one of its own: SciPy and others bring theirs, and are loaded at times.
    """
    import numpy  # noqa: F401  # loads the BLAS
    from threadpoolctl import threadpool_info

    loaded = [library for library in threadpool_info() if library["user_api"] == "blas"]
    of_numpy = [
        x for x in loaded if any("numpy" in part for part in Path(x["filepath"]).parts[-3:])
    ]
    return {
        "versions": {"python": platform.python_version(), "hpo": __version__}
        | {package: version(package) for package in PACKAGES},
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "blas": [
            {key: library.get(key) for key in ("internal_api", "version", "architecture")}
            for library in of_numpy or loaded
        ],
    }


def of_a_new_study(plan: Plan, trainable: Trainable, threads: int) -> dict[str, Any]:
    """The same, with a description of the data, the number of threads, and the sampler that the plan comes to."""
    of_search = {"data": dict(trainable.contents), "threads": threads, "sampler": plan.draws_by}
    return provenance() | of_search


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The differences between two results of `provenance`, in a few words each.

    Earlier versions recorded every BLAS that happened to be loaded, so one that is in one result only is no difference.
    """
    old, new = (
        {**p.get("versions", {}), "system": p.get("system"), "machine": p.get("machine")}
        for p in (then, now)
    )
    lines = [
        f"{name} {old.get(name)}, now {new.get(name)}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    blas, others = (sorted(set(map(_kernels, p.get("blas", [])))) for p in (then, now))
    if not (set(blas) <= set(others) or set(blas) >= set(others)):
        lines.append(f"BLAS {', '.join(blas)}, now {', '.join(others)}")
    return lines


def _kernels(library: Mapping[str, Any]) -> str:
    return " ".join(str(library.get(key)) for key in ("internal_api", "version", "architecture"))
