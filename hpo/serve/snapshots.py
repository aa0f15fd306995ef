"""Copies of studies as files, one of each state that somebody has asked for, until there are too many bytes of them."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from hpo.serve.pool import Pool
from studies.database.store import Store, open_store
from studies.database.version import version

BYTES = 4_000_000_000
SECONDS = 600.0  # that copying may take
ENDING = ".db"


class Snapshots:
    """The copies in a folder, which are made in the processes of a pool. Any thread may use it."""

    def __init__(self, folder: Path, pool: Pool) -> None:
        self._folder, self._pool = folder, pool
        self._lock = threading.Lock()
        self._turns: dict[int, threading.Lock] = {}

    def tidy(self) -> None:
        """Make the folder, and remove what an earlier server left in it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.iterdir():
            if path.is_dir():  # a copy that was being made
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()

    def opened(self, store: Store, name: str) -> tuple[BinaryIO, str]:
        """An open copy of the study of that name as it is now, and the version that it has.

        Raises:
            NoSuchStudyError: there is none.
            ProblemError: it can't be copied now.
        """
        with store.reading():
            study_id = store.study(name).study_id
            wanted = version(store, study_id)
        with self._lock:
            turn = self._turns.setdefault(study_id, threading.Lock())
        with turn:  # whoever asks meanwhile waits for the same copy
            path = self._folder / f"{study_id}-{wanted}{ENDING}"
            try:
                file = path.open("rb")
            except FileNotFoundError:
                folder = str(self._folder)
                wanted = self._pool.run(copied, store.url, name, study_id, folder, seconds=SECONDS)
                path = self._folder / f"{study_id}-{wanted}{ENDING}"
                with self._lock:
                    file = path.open("rb")
                    self._make_room(path)
            with suppress(OSError):  # another copy has just taken its place
                os.utime(path)
            return file, wanted

    def _make_room(self, newest: Path) -> None:
        """Delete older copies of the same study, and then others that nobody has asked for lately."""
        study, _, _ = newest.name.partition("-")
        others = [path for path in self._folder.glob(f"*{ENDING}") if path != newest]
        others.sort(key=lambda path: path.stat().st_mtime)
        total = newest.stat().st_size + sum(path.stat().st_size for path in others)
        for path in others:
            if path.name.startswith(f"{study}-") or total > BYTES:
                total -= path.stat().st_size
                path.unlink()


def copied(url: str, name: str, study_id: int, folder: str) -> str:
    """Copy a study into a folder, in a process of the pool; returns the version that the copy has."""
    from studies.database.copying import copy_study

    with tempfile.TemporaryDirectory(dir=folder) as unfinished, open_store(url) as store:
        path = Path(unfinished) / "copy"
        made = copy_study(store, name, path)
        path.replace(Path(folder) / f"{study_id}-{made}{ENDING}")
    return made
