"""Plans in TOML files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from hpo.errors import PlanError


def read_toml(path: Path) -> dict[str, Any]:
    """The fields of a plan in a TOML file.

    Raises:
        PlanError: there is no such file, or it is not TOML; the message names line and column.
    """
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"{path} is not TOML: {error}") from None
