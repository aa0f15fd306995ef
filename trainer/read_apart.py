"""Read a source in a process of its own: `data.load` for a program that has other slow things to begin with.

scikit-learn takes a second to import. `hpo search` starts a `Reader` first of all, opens its database while the reader
imports, and then asks it for the arrays. Questions are JSON; the answer, a pickle, goes from one process of ours to
another and is never stored.
"""

from __future__ import annotations

import gc
import json
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.data import Splits


class Reader:
    """A process that imports what reading takes, and then reads one source. A context manager: it ends with it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            # -P: a file of the user's that is named as a module is does not take its place.
            [sys.executable, "-P", "-m", "trainer.read_apart"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the process that waits
        )

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def load(self, source: str, target: str | None, **options: Any) -> Splits:
        """What `trainer.data.load` returns for these arguments; to be called once.

        Raises:
            trainer.data.DataError: the source can't be read or used.
        """
        answer, said = self._process.communicate(json.dumps((source, target, options)).encode())
        if self._process.returncode != 0:
            why = said.decode(errors="replace").strip() or "it was killed"
            raise RuntimeError(
                f"the process that reads {source} ended with status {self._process.returncode}: {why}"
            )
        received = pickle.loads(answer)  # noqa: S301  # our own process wrote it
        if isinstance(received, Exception):
            raise received
        splits: Splits = received
        return splits


def _serve() -> None:
    gc.disable()  # this process imports, reads, answers and ends
    import sklearn.datasets
    import sklearn.model_selection
    import sklearn.preprocessing  # noqa: F401

    from trainer.data import DataError, load

    source, target, options = json.load(sys.stdin)
    answer: Splits | DataError
    try:
        answer = load(source, target, **options)
    except DataError as error:
        answer = error
    pickle.dump(answer, sys.stdout.buffer, protocol=5)


if __name__ == "__main__":
    _serve()
