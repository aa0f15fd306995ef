"""The environment that commands on the fixture studies run in, and what the last digit of a number may depend on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent / "environment.json"

PINNED = {
    # The kernels of OpenBLAS, and NumPy's own loops: no newer ones than every x86-64 of the last ten years has.
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "COLUMNS": "80",
}
UNPINNED = ("HPO_", "OPENBLAS_", "MKL_", "BLIS_", "OMP_", "NPY_", "NVPL_", "PYTHON", "PG")


def pinned() -> dict[str, str]:
    """The environment in which the fixtures were written: all that decides how numbers are rounded is set or unset."""
    return {k: v for k, v in os.environ.items() if not k.startswith(UNPINNED)} | PINNED


ENVIRONMENT = """
import contextlib, importlib.metadata, io, json, platform, sys
import numpy, scipy.linalg
from threadpoolctl import threadpool_info
with contextlib.redirect_stdout(io.StringIO()) as shown:
    numpy.show_runtime()
blas = [i for i in threadpool_info() if i["user_api"] == "blas"]
names = ("cmaes", "numpy", "optuna", "pandas", "scikit-learn", "scipy")
json.dump(
    {
        "machine": f"{platform.system()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in names},
        "BLAS": sorted(f"{i['internal_api']} {i['version']} {i.get('architecture')}" for i in blas),
        "NumPy's loops": [w for w in FEATURES if f"'{w}'" in shown.getvalue().split("not_found")[0]],
    },
    sys.stdout,
)
"""
FEATURES = ("X86_V3", "X86_V4", "AVX512_ICL", "AVX512_SPR", "AVX2", "FMA3", "ASIMD", "SVE")


def environment() -> dict[str, Any]:
    """All that the last digit of a number may depend on, in a process with the pinned environment."""
    done = subprocess.run(
        [sys.executable, "-c", f"FEATURES = {FEATURES}\n{ENVIRONMENT}"],
        env=pinned(), capture_output=True, check=True, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def differences() -> list[str]:
    """How the environment differs from the one in which the fixtures were written; nothing if it does not."""
    then, now = json.loads(RECORDED.read_text()), environment()
    return [f"{key} {then[key]}, here {now[key]}" for key in then if then[key] != now[key]]
