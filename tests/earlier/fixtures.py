"""The fixture studies: how each was searched for, at which instants it was killed, and how it is read and compared.

`write.py` wrote them and the tests read them; both talk to hpo only through its command line.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tests.earlier.environment import pinned

HERE = Path(__file__).parent
INPUTS, STORED, EXPECTED = HERE / "inputs", HERE / "stored", HERE / "expected"
DUMP = STORED / "postgres.sql.gz"
TABLES = ("trials", "epochs", "rounds", "finalists")

Content = dict[str, bytes]
"""What a study says: its tables as CSV and "show", its summary as JSON, without the address of its database."""

RUNNING = "SELECT count(*) FROM trials JOIN studies USING (study_id) WHERE study_name = '{}' AND state = 'RUNNING'"
STAGED = (
    "SELECT count(*) FROM hpo_confirmations JOIN studies USING (study_id) "
    "WHERE study_name = '{}' AND finished IS NULL"
)
OPENED = (
    "SELECT count(*) FROM hpo_tests JOIN studies USING (study_id) "
    "WHERE study_name = '{}' AND value IS NULL"
)
"""What is not 0 while trials train, while finalists train again, and while the test rows are opened."""


def running_from(number: int) -> str:
    """What is not 0 while a trial of that number or a later one trains."""
    return f"{RUNNING} AND number >= {number}"


@dataclass(frozen=True)
class Fixture:
    """A study that was searched for by `hpo ARGUMENTS` until it was complete; and at some instants it was killed.

    `first` is a command that came before, or "optuna" where Optuna began the study. `trials` is how many trainings the
    plan has in all. An instant is a query that gives something other than 0 at that instant.
    """

    name: str
    arguments: tuple[str, ...]
    trials: int
    killed: Mapping[str, str] = field(default_factory=dict)
    first: tuple[str, ...] = ()

    @property
    def instants(self) -> dict[str, str]:
        """Its killed copies, by the names of their files."""
        return {f"{self.name}-{instant}": query for instant, query in self.killed.items()}


def _search(name: str, line: str, trials: int, first: str = "", **killed: str) -> Fixture:
    instants = {f"killed-{instant.replace('_', '-')}": query for instant, query in killed.items()}
    words = tuple(first.split()) if first else ()
    return Fixture(name, tuple(f"{line} --trials {trials}".split()), trials, instants, words)


NETWORK = "search digits --rows 500 --hidden 12"
FIXTURES = {
    fixture.name: fixture
    for fixture in (
        # Populations of several shapes; one range is extended, one narrowed.
        _search(
            "digits",
            f"{NETWORK} --name digits --rounds 3 --epochs 4 --seed 1 "
            "--space learning_rate=1e-5:0.01:log --space units=2:10:int",
            60,
            in_a_batch=running_from(12),
            in_a_stage=STAGED,
            at_the_test_rows=OPENED,
        ),
        # Text, missing values, a column of one value, classes that are words.
        _search(
            "people",
            "search people.csv --target travels --name people --rounds 2 --epochs 5 --hidden 6 --seed 2 "
            "--metric balanced_accuracy --space learning_rate=1e-3:1:log --space activation=relu,tanh",
            30,
            in_a_batch=RUNNING,
        ),
        # A function: some trials raise, some diverge.
        _search(
            "valley",
            "search --trainer objectives:valley --name valley --rounds 3 --epochs 6 --seed 3 --metric loss "
            "--direction minimize --space rate=1e-3:2:log --space width=2:64:log:int --space shape=flat,deep,odd",
            90,
            in_a_batch=running_from(20),
            in_a_stage=STAGED,
        ),
        # Of every batch of 27, most leave at rungs, and some diverge.
        _search(
            "halving",
            f"{NETWORK} --name halving --halving 3 --epochs 9 --seed 4 "
            "--space learning_rate=1e-4:1000:log --space weight_decay=1e-6:0.1:log",
            80,
            in_a_batch=running_from(27),
        ),
        # Measures the noise after the first round, and ends before its last trial.
        _search(
            "patience",
            "search wine --name patience --patience 1 --rounds 5 --epochs 8 --hidden 8 --seed 6 "
            "--space learning_rate=1e-3:1:log",
            70,
            in_the_first_stage=STAGED,
        ),
        # Optuna began it, and hpo goes on with it.
        _search(
            "adopted",
            "resume adopted --trainer objectives:bowl",
            48,
            first="optuna",
            in_a_batch=running_from(16),
        ),
        # A quantity to predict, to be minimized, by a plan in a file; many kinds of parameters.
        _search(
            "diabetes",
            "search --config diabetes.toml --name diabetes",
            48,
            in_a_batch=running_from(10),
        ),
        # A population of a function's, which leaves at rungs; Optuna's TPE.
        _search(
            "crowd",
            "search --trainer objectives:crowd --name crowd --halving 3 --sampler tpe --epochs 27 --seed 7 "
            "--metric mae --direction minimize --space a=0:1 --space b=1:20:int --space kind=good,fair,poor",
            90,
            in_a_batch=running_from(27),
        ),
        # Optuna's CMA-ES; values that are always the same again, so that little is confirmed; and
        # a range that may not be extended.
        _search(
            "exact",
            "search --trainer objectives:exact --name exact --sampler cmaes --rounds 2 --no-extend --seed 8 "
            "--metric score --space x=-1:1 --space y=-3:-0.5",
            64,
            in_a_batch=running_from(8),
        ),
        # A plan that was changed: more trials, and a wider range.
        _search(
            "widened",
            "resume widened --space x=-8:8",
            54,
            first="search --trainer objectives:bowl --name widened --rounds 2 --seed 9 "
            "--space x=-2:2 --space y=1:30:int --trials 30",
            in_a_batch=running_from(20),
        ),
    )
}
ON_SERVER = {
    name: next(iter(FIXTURES[name].instants)) for name in ("digits", "valley", "halving", "adopted")
}
"""Those in the dump of a PostgreSQL server, too: complete, and killed under the name of the file with such a copy."""

AS_OPTUNA_MADE_IT = "adopted-as-optuna-made-it"
MADE_BY_OPTUNA = 14  # trials


def copies() -> dict[str, Fixture]:
    """Every file with a study that has not ended, by name, and what it is to become."""
    found = {name: fixture for fixture in FIXTURES.values() for name in fixture.instants}
    return found | {AS_OPTUNA_MADE_IT: FIXTURES["adopted"]}


def resuming(name: str, called: str | None = None) -> list[str]:
    """The command that goes on with a file's study, which may be called otherwise on a server."""
    fixture = copies()[name]
    arguments: list[str] = []
    if name == AS_OPTUNA_MADE_IT:  # today --trials counts only what is added
        arguments = [*fixture.arguments[2:-1], str(fixture.trials - MADE_BY_OPTUNA)]
    return ["resume", called or fixture.name, *arguments, "-q"]


def stored(name: str) -> Path:
    """The compressed file of a study."""
    return STORED / f"{name}.db.gz"


def unpack(name: str, folder: Path) -> str:
    """Put a stored study, and all that its search needs, into a folder; the URL of the database."""
    shutil.copytree(
        INPUTS, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder / "hpo.db").write_bytes(gzip.decompress(stored(name).read_bytes()))
    return f"sqlite:///{folder / 'hpo.db'}"


def run(
    arguments: Sequence[object], folder: Path, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run `hpo ARGUMENTS` in a folder, in the pinned environment, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "hpo", *map(str, arguments)],
        cwd=folder, env=pinned(), capture_output=True, timeout=120, check=False, **options,
    )  # fmt: skip


SERVER = """
import json, os, runpy, sys
import numpy, optuna.distributions, optuna.storages, pandas, pyarrow, scipy.stats, sqlalchemy.dialects.sqlite
for line in sys.stdin:
    arguments, folder, out, err = json.loads(line)
    if not (child := os.fork()):
        os.chdir(folder)
        sys.path[0] = folder
        for path, stream in ((out, 1), (err, 2)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        sys.argv = ["hpo", *arguments]
        runpy.run_module("hpo", run_name="__main__", alter_sys=True)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Commands:
    """`python -m hpo`, many times: each in a process of its own, forked from one that has loaded the libraries."""

    def __init__(self, folder: Path) -> None:
        self._out, self._err = folder / "out", folder / "err"
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SERVER],
            cwd=folder, env=pinned(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def close(self) -> None:
        """End the process from which commands are forked."""
        self._process.communicate()

    def __call__(self, arguments: Sequence[object], folder: Path) -> bytes:
        """What a command prints, which has to succeed."""
        request = [[str(a) for a in arguments], str(folder), str(self._out), str(self._err)]
        asked, answered = _open(self._process.stdin), _open(self._process.stdout)
        asked.write(json.dumps(request) + "\n")
        asked.flush()
        status = answered.readline().strip()
        assert status == "0", (arguments, status, self._err.read_text())
        return self._out.read_bytes()

    def content(self, name: str, url: str, folder: Path) -> Content:
        """What a study says, without the columns that there were not when the fixtures were written."""
        at = ("--storage", url)
        found = {t: self(["export", name, "--table", t, *at], folder) for t in TABLES}
        shown = self(["show", name, "--json", *at], folder)
        shown = re.sub(rb'^  "storage": ".*",$', b'  "storage": "",', shown, flags=re.M)
        return found | {
            "trials": _without("error", found["trials"]),
            "finalists": _without("epochs", found["finalists"]),
            "show": shown,
        }


def _without(column: str, table: bytes) -> bytes:
    rows = list(csv.reader(io.StringIO(table.decode())))
    k, text = rows[0].index(column), io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(row[:k] + row[k + 1 :] for row in rows)
    return text.getvalue().encode()


def _open(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


CLOCK = re.compile(rb"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?")


def timeless(content: Content, name: str | None = None) -> Content:
    """What a study says, without times; and, if a name is given, as if it had that name."""
    found = {key: CLOCK.sub(b"TIME", text) for key, text in content.items()}
    if name is not None:
        line = f'  "study": "{name}",'.encode()
        found["show"] = re.sub(rb'^  "study": ".*",$', line, found["show"], flags=re.M)
    return found


def expected(name: str) -> Content:
    """What the code that wrote the fixtures said of a stored study, times included."""
    parts = re.split(rb"^=== (\w+) ===\n", (EXPECTED / f"{name}.txt").read_bytes(), flags=re.M)
    return {key.decode(): text for key, text in zip(parts[1::2], parts[2::2], strict=True)}


def expect(name: str, content: Content) -> None:
    """Store what is to be expected of a study."""
    text = b"".join(f"=== {key} ===\n".encode() + part for key, part in content.items())
    (EXPECTED / f"{name}.txt").write_bytes(text)
