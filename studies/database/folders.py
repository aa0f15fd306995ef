"""The folders of trials whose functions ask for one: where a study has them, and how they leave with it.

A study's folder is in FILE.folders beside an SQLite database, else in hpo.folders in the current folder, or where its
user says. Its name ends with the study's number, so two studies whose names are written alike do not share it.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path

from studies.database.attributes import user_attributes
from studies.database.connection import Database
from studies.database.engine import sqlite_path

FOLDER = "folder"
"""The user attribute of a study that says where its folder is."""

OF_TRIALS = re.compile(r"trial-\d+(-stage-\d+)?")


def study_folder(store: Database, study_id: int, name: str, chosen: Path | None) -> Path:
    """The folder of a study: in the one that its user has `chosen`, else where it was, else beside the database."""
    database = sqlite_path(store.url)
    beside = Path("hpo.folders") if database is None else database.with_suffix(".folders")
    if chosen is None and (stored := user_attributes(store, study_id).get(FOLDER)):
        return Path(stored)
    plain = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    return (chosen or beside).resolve() / f"{plain}-{study_id}"


def delete_folder(folder: Path) -> None:
    """Delete the folders of a study's trials, and those that are empty then. What is not ours remains."""
    for path in folder.glob("trial-*"):
        if OF_TRIALS.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):  # not empty, or not there
        folder.rmdir()
        folder.parent.rmdir()
