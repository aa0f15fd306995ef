"""References in whole searches: fitted once at the end, on the splits that confirmed, and recorded with the study."""

# Law 2: the same seed gives the same study.

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import hpo
import studies
import trainer.references
from hpo import operations
from hpo.plan.plan import make_plan
from hpo.run.journal import Journal
from hpo.trainables.network import MLP
from studies import Study
from tests.conftest import TREES
from trainer.worker import Worker

PLAN: dict[str, Any] = {"trials": 30, "epochs": 3, "seed": 5}


def references(study: Study) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = study.summary()["references"]
    return found


def test_they_are_fitted_on_the_splits_that_confirmed_and_on_the_test_rows(storage: str) -> None:
    study = hpo.search("wine", storage=storage, **PLAN)
    stages = {str(c.stage) for c in study.read().confirmations}
    found = references(study)
    assert [r["model"] for r in found] == ["constant", "linear", "boosted"]
    for reference in found:
        assert reference["values"].keys() == stages
        assert 0 <= reference["test"] <= 1
        assert reference["mean"] == pytest.approx(sum(reference["values"].values()) / len(stages))
    first = study.read().finalists[0]
    own = {c.stage: c.value for c in study.read().confirmations if c.trial == first.trial}
    assert list(own.values()) == first.values
    # The comparison is of the stages in which both trained.
    gains = [value - found[1]["values"][str(stage)] for stage, value in own.items() if value]
    assert found[1]["gain"] == pytest.approx(sum(gains) / len(gains))


@pytest.mark.slow  # it begins processes
@pytest.mark.usefixtures("all_trees")
def test_the_same_seed_gives_the_same_whatever_process_fits_them(
    storage: str, run_hpo: Any
) -> None:
    study = hpo.search("wine", storage=storage, **PLAN)
    shell = run_hpo("search", "wine", "--trials=30", "--epochs=3", "--seed=5", "--json")
    assert json.loads(shell.stdout)["references"] == references(study)


def beside_a_worker(storage: str) -> Study:
    with Worker() as worker:
        plan = make_plan({"source": "wine", **PLAN}, "")
        return operations.start(plan, name="beside", storage=storage, worker=worker)


@pytest.fixture(scope="module")
def at_end(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The references of a search that fits them at its end, as many trees as users have."""
    storage = f"sqlite:///{tmp_path_factory.mktemp('at end') / 'study.db'}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer.references, "TREES", TREES)
        return references(hpo.search("wine", storage=storage, **PLAN))


@pytest.mark.usefixtures("all_trees")
def test_what_a_worker_fits_beforehand_is_what_is_fitted_at_the_end(
    at_end: list[dict[str, Any]], storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[Any] = []
    fits = MLP._references

    def watched(self: MLP, splits: Any, known: Any, seed: int, ahead: Any) -> Any:
        fitted.append((splits, {which for r in ahead for which in r.scores}))
        return fits(self, splits, known, seed, ahead)

    monkeypatch.setattr(MLP, "_references", watched)
    study = beside_a_worker(storage)
    assert references(study) == at_end
    splits, ahead = fitted[-1]
    assert len(splits) > 3
    assert ahead == {*splits}  # nothing remained to be fitted


@pytest.mark.usefixtures("all_trees")
def test_where_fitting_beforehand_fails_all_is_fitted_at_the_end(
    at_end: list[dict[str, Any]], storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = MLP._references

    def failing(self: MLP, splits: Any, known: Any, seed: int, ahead: Any) -> Any:
        if len(splits) == 3:
            raise MemoryError
        return fits(self, splits, known, seed, ahead)

    monkeypatch.setattr(MLP, "_references", failing)
    study = beside_a_worker(storage)
    assert references(study) == at_end


def test_a_search_killed_before_they_are_recorded_fits_them_when_it_goes_on(
    storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan: dict[str, Any] = {**PLAN, "trials": 12}
    whole = hpo.search("wine", storage=f"sqlite:///{tmp_path / 'whole.db'}", **plan)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for method in ("compare", "complete"):
        with monkeypatch.context() as patched:
            patched.setattr(Journal, method, killed)
            with pytest.raises(KeyboardInterrupt):
                hpo.search("wine", name=method, storage=storage, **plan)
        stopped = studies.load(method, storage)
        assert stopped.summary()["state"] == "interrupted"
        assert ("references" in stopped.summary()) == (method == "complete")
        study = hpo.resume(method, storage=storage)
        assert references(study) == references(whole)
        assert study.summary()["state"] == "complete"


def test_what_confirms_later_adds_splits_and_never_looks_at_the_test_rows_again(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = hpo.search("wine", name="w", storage=storage, **PLAN)
    before = references(study)
    asked: list[Any] = []
    score = trainer.references.score

    def watched(outputs: Any, splits: Any, metric: str, loss: str) -> float:
        asked.append(len(splits.train.y))
        return score(outputs, splits, metric, loss)

    monkeypatch.setattr(trainer.references, "score", watched)
    study = hpo.confirm("w", 20, storage=storage)
    after = references(study)
    assert asked
    assert max(asked) < 142  # which train where the test rows are scored
    for old, new in zip(before, after, strict=True):
        assert new["test"] == old["test"]
        assert new["values"].items() > old["values"].items()


def test_a_search_that_confirmed_nothing_has_them_on_its_own_split(storage: str) -> None:
    study = hpo.search("iris", storage=storage, trials=4, epochs=2, finalists=0, seed=1)
    for reference in references(study):
        assert reference["values"].keys() == {"0"}
        assert reference["gain"] is None
        assert reference["better"] is None


def test_functions_and_searches_without_a_result_have_none(storage: str) -> None:
    study = hpo.search(
        lambda params: params["x"], space={"x": hpo.Float(0, 1)}, trials=4, storage=storage
    )
    assert "references" not in study.summary()
    with pytest.raises(hpo.NoTrialSucceededError):
        hpo.search(
            "iris", name="diverges", storage=storage, trials=4, epochs=2,
            space={"learning_rate": hpo.Float(1e30, 1e31)}, extend=False, seed=1,
        )  # fmt: skip
    assert "references" not in studies.load("diverges", storage).summary()
