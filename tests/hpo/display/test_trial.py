"""One trial on the screen: what it was, its curve, what it printed, and why it failed."""

from __future__ import annotations

import hpo
from studies import Study
from tests.hpo.trainables.functions import PLAN, Params
from tests.running import Call


def test_a_trial_of_a_network_shows_its_settings_its_curves_and_its_end(
    study: Study, call_hpo: Call
) -> None:
    frame = study.trials_frame()
    number = int(frame["number"][frame["diverged_epoch"].notna()].iloc[0])
    best = study.best
    assert best is not None
    for trial, facts in (
        (number, ["diverged at epoch "]),
        (best.number, ["complete", "fresh seeds: ", "validation_rmse", *map(str, range(1, 5))]),
    ):
        shown = call_hpo(f"show small {trial} --storage {study.storage}")
        assert (shown.status, shown.err) == (0, "")
        assert max(map(len, shown.out.splitlines())) <= 80
        for fact in [f"trial {trial} of small", *study.trial(trial).trial.params, *facts]:
            assert fact in shown.out


def prints_and_fails(params: Params) -> float:
    print("[b]begun[/b]")
    if params["x"] < 0.5:
        raise ValueError(f"{prints_and_fails} can't")
    return float(params["x"])


def test_a_trial_that_failed_shows_what_it_printed_and_the_traceback(
    storage: str, call_hpo: Call
) -> None:
    few = {**PLAN, "trials": 8, "rounds": 1}
    study = hpo.search(prints_and_fails, **few, storage=storage, progress=False)
    failed = study.trials_frame()["error"].notna()
    number = failed.tolist().index(True)
    shown = call_hpo(f"show {study.name} {number} --storage {storage}").out
    assert "[b]begun[/b]" in shown
    assert ", in prints_and_fails\n" in shown
    assert "hpo/trainables" not in shown
    whole = call_hpo(f"show {study.name} --storage {storage}").out
    assert f"({failed.sum()} raised an error)" in whole
    assert f"{failed.sum()} × ValueError: <function prints_and_fails at 0x…> can't" in whole
    missing = call_hpo(f"show {study.name} 8 --storage {storage}")
    assert (missing.status, missing.out, missing.err.count("\n")) == (1, "", 1)
    assert "0 to 7" in missing.err
