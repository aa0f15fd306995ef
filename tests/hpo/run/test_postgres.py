"""Searches whose studies are on a PostgreSQL server: the same studies as in a file, whatever happens to either of them,
and the server's password is seen nowhere."""

# Law 2: the same seed gives the same study.
# Law 8: nothing that came from data is executed.

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

import studies
from tests.postgres import PASSWORD, Server, rows, server
from tests.running import HPO, Run, Tables, wait_until

# Some shapes, so that populations differ; some trials that diverge; batches that last long enough to be hit.
PLAN = (
    "digits", "--trials", "110", "--finalists", "5", "--repeats", "4",
    "--epochs", "25", "--rows", "400", "--name", "d",
    "--space", "learning_rate=1e-3:1e3:log", "--space", "units=8:16:int",
)  # fmt: skip
SMALL = ("wine", "--trials", "20", "--epochs", "2", "--name", "w")
# `hpo`, but that a server which is gone is waited for only so many seconds.
HURRIED = """
import sys
import studies.database.retry
from hpo.cli import main
studies.database.retry.PATIENCE_SECONDS = float(sys.argv.pop(1))
main()
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a file with the study that nobody has stopped."""
    storage = f"sqlite:///{tmp_path_factory.mktemp('whole') / 'study.db'}"
    subprocess.run(
        [HPO, "search", *PLAN, "-q", "--storage", storage], check=True, capture_output=True
    )
    return storage


@pytest.fixture(scope="module")
def durable() -> Iterator[Server]:
    """A server that can crash."""
    with server(fsync=True) as made:
        yield made


def searching(storage: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(HPO), "search", *PLAN, "--storage", storage],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def without_times(text: str) -> str:
    text = re.sub(r'<svg[^>]*aria-label="When each trial ran".*?</svg>', "", text, flags=re.DOTALL)
    return re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?Z?", "TIME", text)


@pytest.mark.slow
@pytest.mark.parametrize(
    "instant",
    [
        "SELECT count(*) FROM trials",
        "SELECT count(*) FROM trials WHERE state != 'RUNNING'",
        "SELECT count(*) FROM hpo_confirmations WHERE finished IS NULL",
        "SELECT count(*) FROM hpo_tests",
    ],
)
def test_a_search_on_a_server_killed_and_resumed_is_the_one_in_a_file(
    instant: str,
    whole: str,
    postgres_storage: str,
    tmp_path: Path,
    run_hpo: Run,
    tables: Tables,
) -> None:
    with searching(postgres_storage, tmp_path) as search:
        wait_until(instant, postgres_storage)
        search.kill()
    assert run_hpo("resume", "d", "-q", HPO_STORAGE=postgres_storage).returncode == 0
    assert tables("d", postgres_storage) == tables("d", whole)


@pytest.mark.slow
def test_all_commands_say_the_same_of_a_study_on_a_server_and_in_a_file(
    whole: str, postgres_storage: str, tmp_path: Path, run_hpo: Run
) -> None:
    with searching(postgres_storage, tmp_path) as search:
        wait_until("SELECT count(*) > 30 FROM trials", postgres_storage)
        search.kill()
    assert run_hpo("resume", "d", "-q", HPO_STORAGE=postgres_storage).returncode == 0
    said = []
    for storage in (whole, postgres_storage):

        def run(*arguments: object, storage: str = storage) -> str:
            done = run_hpo(*arguments, "--storage", storage)
            assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
            return done.stdout

        exported: dict[object, object] = {
            table: run("export", "d", "--table", table)
            for table in ("epochs", "rounds", "finalists")
        }
        trials = pd.read_csv(StringIO(run("export", "d", "--table", "trials")), dtype=str)
        shown = json.loads(run("show", "d", "--json"))
        assert shown.pop("storage") in storage.replace(PASSWORD, "***")
        shown["test"].pop("opened_at")
        (listed,) = json.loads(run("list", "--json"))
        run("report", "d", "-o", tmp_path / "d.html")
        page = (tmp_path / "d.html").read_text()
        # How to go on with it differs by the URL, and where that lacks its password.
        alike = (
            s for s in page.splitlines() if "hpo resume d" not in s and "trials again" not in s
        )
        page = "\n".join(alike).replace(storage.replace(PASSWORD, "***"), "URL")
        page = page.replace("&#39;URL&#39;", "URL")  # a shell must not expand the *** of a password
        everything = exported | {
            "trials": trials.drop(columns=["started", "finished"]).to_csv(),
            "shown": shown,
            "listed": {key: v for key, v in listed.items() if key not in ("created", "last")},
            "page": without_times(page),
        }
        said.append(everything)
    for key in said[0]:
        assert said[0][key] == said[1][key], key


@pytest.mark.parametrize(("searches", "most"), [pytest.param(12, 12, marks=pytest.mark.slow)])
def test_a_server_that_restarts_in_mid_search_again_and_again_changes_nothing(
    searches: int, most: int, whole: str, durable: Server, tmp_path: Path, tables: Tables
) -> None:
    expected, chance, restarts = tables("d", whole), random.Random(0), 0  # noqa: S311  # no secret
    for _ in range(searches):
        with durable.database() as storage, searching(storage, tmp_path) as search:
            wait_until("SELECT count(*) FROM hpo_studies", storage)
            for _ in range(most):
                time.sleep(chance.uniform(0, 0.8))
                if search.poll() is not None:
                    break
                durable.restart("immediate")
                restarts += 1
            out, error = search.communicate(timeout=120)
            assert search.returncode == 0, error
            assert "Traceback" not in out + error
            assert tables("d", storage) == expected
    assert restarts >= 2 * searches


@pytest.mark.slow
@pytest.mark.parametrize("how", ["immediate", "fast"])
def test_a_server_that_is_gone_for_good_ends_the_search_in_one_line(
    how: str, whole: str, tmp_path: Path, run_hpo: Run, tables: Tables
) -> None:
    with server() as own:
        storage = own.url("postgres")
        with subprocess.Popen(
            [sys.executable, "-c", HURRIED, "1.5", "search", *PLAN, "-q"],
            cwd=tmp_path,
            env=os.environ | {"HPO_STORAGE": storage},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as search:
            wait_until("SELECT count(*) FROM trials", storage)
            own.stop(how)  # type: ignore[arg-type]  # a word of two
            began = time.monotonic()
            out, error = search.communicate(timeout=60)
        took = time.monotonic() - began
        own.start()
        assert (search.returncode, out) == (1, "")
        assert error.count("\n") == 1
        assert error.startswith(f"Error: {storage.replace(PASSWORD, '***')}: ")
        assert error.endswith("; when it is back, go on with hpo resume d\n")
        assert took < 20
        assert run_hpo("resume", "d", "-q", HPO_STORAGE=storage).returncode == 0
        assert tables("d", storage) == tables("d", whole)


@pytest.mark.slow
def test_the_password_is_seen_nowhere(
    postgres: Server, postgres_storage: str, tmp_path: Path, run_hpo: Run
) -> None:
    database = postgres_storage.rpartition("/")[2]
    place = f"127.0.0.1:{postgres.port}"
    in_query = f"postgresql://{place}/{database}?user=searcher&password={PASSWORD}"
    wrong = postgres_storage.replace(PASSWORD, f"{PASSWORD}-wrong")
    gone = postgres_storage.replace(place, "127.0.0.1:1")
    runs: list[tuple[int, tuple[str, ...], str]] = [
        (0, ("search", *SMALL, "-v"), postgres_storage),
        (1, ("search", *SMALL), in_query),
        (0, ("list",), in_query),
        (0, ("show", "w"), in_query),
        (1, ("show", "v"), postgres_storage),
        (0, ("export", "w", "-o", "w.csv"), postgres_storage),
        (0, ("report", "w", "-o", "w.html"), in_query),
        (0, ("resume", "w", "--trials", "25", "-v"), in_query),
        (1, ("search", *SMALL, "-v"), wrong),
        (1, ("resume", "w", "-v"), wrong),
        (1, ("list",), postgres.url("nowhere")),
        (1, ("show", "w"), gone),
        (1, ("search", *SMALL), f"{gone}x:y@z:w/"),
    ]
    said = ""
    for number, (status, arguments, url) in enumerate(runs):
        done = run_hpo(
            *arguments,
            *(() if number % 2 else ("--storage", url)),
            **({"HPO_STORAGE": url} if number % 2 else {}),
        )
        assert done.returncode == status, (arguments, done.stderr)
        said += done.stdout + done.stderr
    assert "postgresql://searcher:***@127.0.0.1" in said
    assert "password=***" in said
    assert "password authentication failed" in said
    assert "canary" not in said
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ["w.csv", "w.html"]
    for path in tmp_path.iterdir():
        assert b"canary" not in path.read_bytes()
    stored = rows(postgres_storage)
    assert stored["trials"]
    assert "canary" not in repr(stored)
    study = studies.load("w", postgres_storage)
    assert "canary" not in repr(study) + repr(study.read())
