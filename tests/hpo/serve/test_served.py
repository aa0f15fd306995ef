"""What only reads takes a service for its storage and finds the same; what writes says what to do instead."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import optuna
import pandas as pd
import pytest

import hpo
import studies
from hpo.serve import tokens
from hpo.serve.database import ServiceDatabase
from hpo.serve.tokens import FRESH_SECONDS
from studies import Study
from studies.database.listing import listing
from studies.database.store import create_store, open_store
from studies.errors import ConnectionLostError, NoSuchStudyError, StoreError
from tests.hpo.serve.serving import Serving
from tests.hpo.serve.test_results import own
from tests.running import Call, Done
from tests.studies.stores import NEW, SETTING, SPACE

PLANNED = NEW | {"plan": json.dumps({"seed": 7, "trials": 4})}
TABLES = ("trials", "epochs", "rounds", "finalists")


@pytest.fixture(scope="module")
def home(study: Study, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with the small study, which is ada's, and with studies of nobody's; others read it by the service."""
    file = tmp_path_factory.mktemp("home") / "study.db"
    shutil.copy(study.storage.removeprefix("sqlite:///"), file)
    storage = f"sqlite:///{file}"
    with create_store(storage) as store, store.create_study("a/b <script>", **PLANNED):
        pass
    return storage


@pytest.fixture(scope="module")
def service(home: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("serving"), home) as serving:
        yield serving


@pytest.fixture
def url(service: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("HPO_TOKEN", raising=False)
    return f"http://127.0.0.1:{service.port}"


def copies(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "hpo" / "served").iterdir())


def one_line(done: Done) -> str:
    """The one line that a command that failed has said."""
    assert (done.status, done.out) == (1, "")
    assert done.err.count("\n") == 1
    return done.err


def test_a_study_on_a_service_is_read_as_at_home(url: str, home: str, tmp_path: Path) -> None:
    there, here = studies.load("small", url), studies.load("small", home)
    for table in TABLES:
        ours, theirs = getattr(there, f"{table}_frame")(), getattr(here, f"{table}_frame")()
        pd.testing.assert_frame_equal(ours, theirs)
    place = {"storage": url}
    assert there.summary() == here.summary() | place
    assert str(there.trial(3)) == str(here.trial(3))
    assert there.rank_agreement() == here.rank_agreement()
    assert there.optuna().best_value == here.optuna().best_value
    assert studies.names(url) == studies.names(home)
    with hpo.Client(url) as client:
        assert client.study("small").summary() == there.summary()
    assert len(copies(tmp_path)) == 1
    assert (tmp_path / "cache" / "hpo" / "served").stat().st_mode & 0o077 == 0


def test_a_list_is_that_of_the_database(url: str, home: str) -> None:
    assert [s.as_mapping() for s in listing(url)] == [s.as_mapping() for s in listing(home)]
    assert [s.by_optuna for s in listing(url)] == [s.by_optuna for s in listing(home)]


@pytest.mark.parametrize(
    "line",
    [
        "list", "list --json", "show small", "show small --json", "show small 3", "show small 3 --json",
        "show 'a/b <script>'", "export small", "export small --table epochs",
        "export small --table rounds --format json", "export small --table finalists",
    ],
)  # fmt: skip
def test_commands_that_read_print_what_they_print_at_home(
    url: str, home: str, call_hpo: Call, line: str
) -> None:
    there, here = call_hpo(f"{line} --storage {url}"), call_hpo(f"{line} --storage {home}")
    assert (there.status, here.status) == (0, 0)
    ages = re.compile(
        r" +\d+ (s|min)$|(?<=\n)  hpo [^\n]*\n", re.MULTILINE
    )  # and what to type next
    plain = [" ".join(ages.sub("", done.out).split()) for done in (there, here)]
    assert plain[0].replace(url, home) == plain[1]
    assert "resume" not in there.out


def test_a_report_is_written_from_a_service(url: str, call_hpo: Call, tmp_path: Path) -> None:
    assert call_hpo(f"report small --storage {url}").status == 0
    page = (tmp_path / "small.html").read_text()
    assert "rmse" in page
    assert "hpo resume" not in page


@pytest.mark.parametrize(
    "line",
    [
        "search digits --trials 3", "resume small", "confirm small --trainings 3", "delete small --yes",
        "upgrade", "reproduce small 3",
    ],
)  # fmt: skip
def test_commands_that_write_say_what_to_do_instead(url: str, call_hpo: Call, line: str) -> None:
    said = one_line(call_hpo(f"{line} --storage {url}"))
    assert f"{url} is a service, whose studies can only be read from here" in said
    assert "hpo.Client" in said


def test_a_model_is_trained_by_the_service(url: str, call_hpo: Call) -> None:
    said = one_line(call_hpo(f"train small -o model.hpo --storage {url}"))
    assert "which trains models itself" in said


def test_a_copy_is_fetched_again_when_the_study_has_changed(
    url: str, home: str, tmp_path: Path
) -> None:
    with open_store(home) as store:
        with store.create_study("moving", **PLANNED) as writer:
            there = studies.load("moving", url)
            (first,) = copies(tmp_path)
            holder = there.read().record.holder
            assert there.read().record.state == "running"
            assert (holder and holder.process) == os.getpid()
            assert copies(tmp_path) == [first]
            writer.start_batch(0, [SETTING], SPACE)
            assert len(there.trials_frame()) == 1
            (second,) = {*copies(tmp_path)} - {first}  # which another process may be about to open
            os.utime(first, (0, 0))
            writer.start_batch(0, [SETTING], SPACE)
            assert len(there.trials_frame()) == 2
            assert first not in copies(tmp_path)
            (third,) = {*copies(tmp_path)} - {second}
        assert there.read().record.state == "interrupted"
        assert copies(tmp_path) == sorted([second, third])
        store.delete_study("moving")
    with pytest.raises(NoSuchStudyError, match="no study 'moving' on http"):
        there.read()


@pytest.mark.usefixtures("quiet_optuna")
def test_many_may_fetch_the_same_study_at_once(url: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda _: studies.load("small", url).summary(), range(24)))
    assert all(summary == read[0] for summary in read)
    assert len(copies(tmp_path)) == 1


def test_a_copy_of_optunas_can_not_be_written_to(url: str) -> None:
    loaded = studies.load("small", url).optuna()
    with pytest.raises(optuna.exceptions.StorageInternalError):
        loaded.set_user_attr("mine", 1)


def test_errors_name_the_service_in_one_line(url: str, tmp_path: Path) -> None:
    with pytest.raises(NoSuchStudyError, match=f"no study 'smal' on {url}: did you mean 'small'"):
        studies.load("smal", url)
    with pytest.raises(NoSuchStudyError, match=r"no study '~1/\.\.' on"):
        studies.load("~1/..", url)
    with pytest.raises(ConnectionLostError, match=r"http://127\.0\.0\.1:9 does not answer"):
        studies.load("small", "http://127.0.0.1:9")
    for wrong in ("http://ada:secret@127.0.0.1:1", "http://", "http://127.0.0.1:1?token=secret"):
        with pytest.raises(StoreError, match="is not the address of a service") as error:
            studies.names(wrong)
        assert "ada" not in str(error.value)


class Other(BaseHTTPRequestHandler):
    """A server of something else."""

    body = b"<html>Welcome</html>"

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


def test_what_is_no_service_is_said_to_be_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{server.server_port}"
        for read in (lambda: studies.load("small", place), lambda: studies.names(place)):
            with pytest.raises(StoreError, match=f"{place} is no service of hpo: it answers 200"):
                read()
        assert copies(tmp_path) == []
        server.shutdown()


def test_a_service_is_read_with_a_token_from_the_environment_and_by_its_owner_only(
    home: str, service: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call_hpo: Call
) -> None:
    # The last of these tests, since from now on everybody needs a token.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    url = f"http://127.0.0.1:{service.port}"
    database = ServiceDatabase(home)
    ada = tokens.create(database, "ada", owner="ada", scope="read")
    bob = tokens.create(database, "bob", owner="bob", scope="run")
    own(database, "small", "ada")
    time.sleep(FRESH_SECONDS + 0.1)  # by then the service has noticed that there are tokens
    with pytest.raises(StoreError, match="HPO_TOKEN"):
        studies.load("small", url)
    monkeypatch.setenv("HPO_TOKEN", "hpo_wrong")
    with pytest.raises(StoreError, match="token"):
        studies.names(url)
    monkeypatch.setenv("HPO_TOKEN", ada)
    assert studies.names(url) == ["small"]
    assert studies.load("small", url).best is not None
    listed = call_hpo(f"list --mine --json --storage {url}")
    assert listed.status == 0
    assert json.loads(listed.out) == []  # its owner is who searched, before there was a service
    assert studies.names(url, token=bob) == []
    with pytest.raises(NoSuchStudyError, match="it has none"):
        studies.load("small", url, token=bob)
    with hpo.Client(url, bob) as client:
        assert client.searches() == []
        with pytest.raises(hpo.HpoError):
            client.study("small")
    for path in copies(tmp_path):
        assert ada.encode() not in path.read_bytes()
        assert ada not in path.name
    database.close()
