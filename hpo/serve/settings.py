"""What an operator can set, in a TOML file that `hpo serve --init` writes, with limits for every owner and search."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hpo.errors import PlanError
from hpo.plan.messages import one_line

Count = Annotated[int, Field(ge=1)]
MEGABYTE = 1_000_000


class Limits(BaseModel):
    """How much a search and an owner may take. Each is checked before anything is written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trials: Count = Field(10_000, description="Trainings of one search.")
    epochs: Count = Field(1_000, description="Epochs of one training.")
    rows: Count = Field(1_000_000, description="Rows of one table.")
    request_bytes: Count = Field(MEGABYTE, description="Bytes of any other request.")
    upload_bytes: Count = Field(200 * MEGABYTE, description="Bytes of one upload.")
    unpacked_bytes: Count = Field(
        2_000 * MEGABYTE, description="Bytes of one upload when it is decompressed."
    )
    seconds: Count = Field(
        86_400, description="Seconds that one search, or the training of a model, may run."
    )
    memory_bytes: Count = Field(
        8_000 * MEGABYTE, description="Bytes of memory that each process of a search may take."
    )
    searches: Count = Field(1_000, description="Searches that one owner may keep.")
    queued: Count = Field(
        100, description="Searches of one owner that wait or run at the same time."
    )
    data_sets: Count = Field(1_000, description="Data sets that one owner may keep.")
    data_bytes: Count = Field(2_000 * MEGABYTE, description="Bytes of all data sets of one owner.")
    model_bytes: Count = Field(2_000 * MEGABYTE, description="Bytes of all models of one owner.")
    tasks: Count = Field(1_000, description="Tasks that one client may have in training.")


class Settings(BaseModel):
    """How the service runs. The command line's options override it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    jobs: Count = Field(1, description="Searches that run at the same time.")
    workers: Count | None = Field(
        None, description="Cores that each of them uses; by default all, shared out among them."
    )
    lease_seconds: Count = Field(
        120, description="After so long without a word from its client, a task is handed out again."
    )
    viewers: Count = Field(
        2_000, description="Event streams, such as those of open pages, at the same time."
    )
    limits: Limits = Limits()


def read_settings(path: Path) -> Settings:
    """The settings in a TOML file.

    Raises:
        PlanError: it can't be read, or a value breaks its rule; the message names the file and the value.
    """
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PlanError(f"{path}: {error}") from None
    try:
        return Settings.model_validate(fields)
    except ValidationError as error:
        raise PlanError(one_line(error, str(path))) from None


def as_toml(settings: Settings) -> str:
    """Settings as the text of a TOML file, with a comment for each."""
    lines: list[str] = []
    for name, field in Settings.model_fields.items():
        if name == "limits":
            continue
        value = getattr(settings, name)
        lines += [
            f"# {field.description}",
            f"# {name} = 2" if value is None else f"{name} = {value}",
        ]
    lines += ["", "[limits]"]
    for name, field in Limits.model_fields.items():
        lines += [f"# {field.description}", f"{name} = {getattr(settings.limits, name)}"]
    return "\n".join(lines) + "\n"
