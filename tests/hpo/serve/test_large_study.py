"""A study of 100,000 trials is paged quickly, and none of its pages is held whole by the server."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path

import pytest

from hpo.serve.api.results import HERE
from studies.database.copying import copy_study
from studies.database.records import Result
from studies.database.store import create_store, open_store
from studies.study import Study
from tests.hpo.serve.in_process import make_service, serving
from tests.hpo.serve.test_results import own
from tests.studies.stores import DONE, NEW, SETTING, SPACE

TRIALS, BATCH = 100_000, 2_000
QUICK = 3.0  # seconds; on a machine with nothing else to do it is half of one


@pytest.mark.slow
def test_a_study_of_a_hundred_thousand_trials_is_paged_quickly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = f"sqlite:///{tmp_path / 'large.db'}"
    planned = NEW | {"plan": json.dumps({"seed": 7, "trials": TRIALS})}
    with create_store(storage) as store, store.create_study("large", **planned) as writer:
        for number in range(0, TRIALS, BATCH):
            started = writer.start_batch(number * 4 // TRIALS, [SETTING] * BATCH, SPACE)
            curve = {"loss": [0.5, 0.25, 0.125]}
            writer.finish_batch(
                [
                    Result(k, "complete", (k * 7919 % TRIALS) / 8, curve, "loss", DONE)
                    for k in started
                ]
            )
    service = make_service(tmp_path / "served", storage)
    own(service.database, "large", "ada")
    with serving(service, monkeypatch) as client:
        client.get("/searches/large/trials")  # what is imported once
        tracemalloc.start()
        for query in (
            {"offset": 90_000}, {"order": "best"}, {"round": 3, "min": 100.0, "limit": HERE}, {"offset": 99_950},
        ):  # fmt: skip
            for table in ("trials", "epochs"):
                began = time.perf_counter()
                answer = client.get(f"/searches/large/{table}", params=query)
                assert time.perf_counter() - began < QUICK, (table, query)
                assert answer.status_code == 200
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 50_000_000
        rows = client.get("/searches/large/trials", params={"offset": 99_950}).json()
        assert [row["number"] for row in rows] == [*range(99_950, TRIALS)]
    with open_store(storage) as store:
        copy_study(store, "large", tmp_path / "copy.db")
    copy = Study("large", f"sqlite:///{tmp_path / 'copy.db'}")
    assert copy.trials_frame().equals(Study("large", storage).trials_frame())
