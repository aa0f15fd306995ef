"""optuna-dashboard serves our studies: its API without an error, its pages in a real browser without a complaint."""

# Law 6: Optuna's schema is the record.

from __future__ import annotations

import contextlib
import csv
import io
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from studies import Study
from tests.browser import PATIENCE, Browser

# Each page of a study, and what it shows when it is all there.
PAGES = {
    "": ("Best Trial (number=", "Hyperparameter Importance", "Timeline", "trial #1"),
    "/analytics": ("Slice", "Contour", "Empirical Distribution"),
    "/trials": ("45 Trials", "Trial 0", "learning_rate"),
    "/trialTable": (),  # empty, whoever wrote the study: its table is on the next
    "/smartSelection": ("Parallel Coordinate", "Param activation"),
    "/note": ("Note",),
    "/preference-history": (),
}


@pytest.fixture(scope="module")
def dashboard(study: Study) -> Iterator[str]:
    """The address of `optuna-dashboard` as a user starts it, on the stored study."""
    pytest.importorskip("optuna_dashboard")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("optuna-dashboard")
    with subprocess.Popen(
        [program, study.storage, "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(urllib.error.URLError):
                get(f"{address}/api/meta")
                break
            time.sleep(0.05)
        yield address
        process.terminate()


def get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=PATIENCE) as answer:  # noqa: S310  # http on this host
        assert answer.status == 200
        return str(answer.read().decode())


def test_its_api_tells_of_our_study_what_we_do(dashboard: str, study: Study) -> None:
    (listed,) = json.loads(get(f"{dashboard}/api/studies"))["study_summaries"]
    assert listed["study_name"] == "small"
    address = f"{dashboard}/api/studies/{listed['study_id']}"
    shown = json.loads(get(address))
    assert (shown["name"], shown["directions"]) == ("small", ["minimize"])
    assert shown["has_intermediate_values"]
    assert shown["objective_names"] == ["rmse"]
    assert study.recommended is not None
    assert {"key": "recommended_trial", "value": str(study.recommended.trial)} in shown[
        "user_attrs"
    ]
    told = f"hpo recommends the settings of trial {study.recommended.trial}: rmse "
    assert shown["note"]["body"].startswith(told)
    frame = study.trials_frame()
    states = [trial["state"].lower().replace("fail", "failed") for trial in shown["trials"]]
    assert states == frame["state"].to_list()
    assert [t["values"][0] for t in shown["trials"] if "values" in t] == frame[
        "value"
    ].dropna().to_list()
    assert study.best is not None
    assert [trial["number"] for trial in shown["best_trials"]] == [study.best.number]
    (weights,) = json.loads(get(f"{address}/param_importances"))["param_importances"]
    assert {weight["name"] for weight in weights} == {"learning_rate", "units", "activation"}
    rows = list(csv.DictReader(io.StringIO(get(f"{dashboard}/csv/{listed['study_id']}"))))
    assert len(rows) == len(frame)


@pytest.mark.slow
def test_every_page_of_it_shows_our_study_without_a_complaint(
    dashboard: str, browser: Browser
) -> None:
    browser.visit(f"{dashboard}/dashboard", "small", "MINIMIZE")
    for page, words in PAGES.items():
        browser.visit(f"{dashboard}/dashboard/studies/1{page}", "small", *words)
    browser.visit(f"{dashboard}/dashboard/compare-studies?ids=1", "small")
    assert browser.complaints == []


def test_a_complaint_of_a_page_is_heard(dashboard: str, browser: Browser) -> None:
    """Or else the test above could not fail."""
    browser.visit(f"{dashboard}/dashboard", "small")
    browser.call("Runtime.evaluate", expression="console.error('wrong'); fetch('/api/nothing')")
    browser.call("Runtime.evaluate", expression="setTimeout(() => { throw Error('thrown') })")
    deadline, missing = time.monotonic() + PATIENCE, {"wrong", "404", "thrown"}
    while missing and time.monotonic() < deadline:
        browser.text()
        missing = {word for word in missing if word not in " ".join(browser.complaints)}
    assert not missing
