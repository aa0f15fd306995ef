"""Read a source in a process of its own: `data.load` for a program that has other slow things to begin with.

scikit-learn takes a second to import. `hpo search` starts a `Reader` first of all, opens its database while the reader
imports, and then asks it for the arrays. Questions are lines of JSON; the answers, pickles, go from one process of ours
to another and are never stored.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from typing import IO, TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from trainer.data.table import Draw, Splits, Which


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
        self._questions = cast(IO[bytes], self._process.stdin)
        self._answers = cast(IO[bytes], self._process.stdout)
        self._source = ""

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()  # closes its pipes

    def load(self, source: str, target: str | None, **options: Any) -> Draw:
        """What `trainer.data.table.load` returns for these arguments; to be called once.

        Raises:
            trainer.data.table.DataError: the source can't be read or used.
        """
        self._source = source
        self._ask((source, target, options))
        return self._draw

    def _draw(self, which: Which) -> Splits:
        splits: Splits = self._ask(which)
        return splits

    def _ask(self, question: object) -> Any:
        try:
            self._questions.write(json.dumps(question).encode() + b"\n")
            self._questions.flush()
            answer = pickle.load(self._answers)  # noqa: S301  # our own process wrote it
        except (OSError, EOFError, pickle.UnpicklingError):
            self._process.wait()
            said = cast(IO[bytes], self._process.stderr).read().decode(errors="replace").strip()
            raise RuntimeError(
                f"the process that reads {self._source} ended with status "
                f"{self._process.returncode}: {said or 'it was killed'}"
            ) from None
        if isinstance(answer, Exception):
            raise answer
        return answer


def _serve() -> None:
    import sklearn.datasets
    import sklearn.model_selection
    import sklearn.preprocessing  # noqa: F401

    from trainer.data.table import DataError, load

    def tell(answer: object) -> None:
        pickle.dump(answer, sys.stdout.buffer, protocol=5)
        sys.stdout.buffer.flush()

    draw: Draw | None = None
    for line in sys.stdin:
        question = json.loads(line)
        try:
            if draw is None:
                source, target, options = question
                draw = load(source, target, **options)
                tell(None)
            else:
                tell(draw(question))
        except DataError as error:
            tell(error)


if __name__ == "__main__":
    _serve()
