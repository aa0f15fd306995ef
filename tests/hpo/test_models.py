"""Models that are trained with the settings of a study, and the predictions for files."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import root_mean_squared_error

import hpo
import studies
import trainer
from hpo.errors import DataError, PlanError
from hpo.models import check_output, facts_of
from hpo.predicting import predict_file, predictions
from studies import Study
from tests.running import Call
from tests.trainer.models import animals
from trainer.data import load
from trainer.data.splits import _test_apart

PLAN: dict[str, Any] = {"trials": 16, "epochs": 4, "hidden": (12,), "progress": False, "workers": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def table(folder: Path) -> Path:
    path = folder / "animals.csv"
    animals(300).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def kinds(folder: Path, table: Path) -> Study:
    return hpo.search(table, target="kind", storage=f"sqlite:///{folder}/kinds.db", **PLAN)


@pytest.fixture(scope="module")
def weights(folder: Path, table: Path) -> Study:
    plan = PLAN | {"epochs": 20}  # so that networks are trained to their end, and err alike
    return hpo.search(table, target="weight", storage=f"sqlite:///{folder}/weights.db", **plan)


def test_the_model_is_the_network_whose_score_on_the_test_rows_the_study_has(
    kinds: Study, weights: Study, table: Path
) -> None:
    for study, target in ((kinds, "kind"), (weights, "weight")):
        model = study.train()
        draw = load(str(table), target, seed=0, rows=None, dtype="float32")
        train, _ = draw.training_rows(every_row=False)
        assert model.about["rows"] == len(train.X) == 240
        frame = animals(300)
        rest = np.ones(300, bool)
        rest[_test_apart(draw.table, draw.seed)[1]] = False
        score = (
            model.score(frame[~rest], frame[~rest]["kind"])
            if target == "kind"
            else root_mean_squared_error(frame[~rest]["weight"], model.predict(frame[~rest]))
        )
        stored = study.summary()["test"]["value"]
        assert score == pytest.approx(stored, rel=1e-5)
        assert model.about["test"]["value"] == stored


def test_the_same_study_gives_the_same_model(kinds: Study, tmp_path: Path) -> None:
    for name in ("one.hpo", "two.hpo"):
        trainer.save(kinds.train(ensemble=3), tmp_path / name)
    assert (tmp_path / "one.hpo").read_bytes() == (tmp_path / "two.hpo").read_bytes()
    alone = kinds.train().networks[0]
    assert trainer.load(tmp_path / "one.hpo").networks[0].theta.tobytes() == alone.theta.tobytes()


def test_an_ensemble_has_the_finalists_settings_and_then_other_first_weights(kinds: Study) -> None:
    finalists = [f["trial"] for f in kinds.summary()["finalists"]]
    model = kinds.train(ensemble=len(finalists) + 1)
    assert model.about["trials"] == [*finalists, finalists[0]]
    first, *_, last = model.networks
    assert first.settings == last.settings
    assert not np.array_equal(first.theta, last.theta)
    assert model.about["test"] is None


def test_a_trial_can_be_named_and_every_row_trained_on(kinds: Study) -> None:
    model = kinds.train(trial=3, every_row=True)
    assert model.about["trials"] == [3]
    assert model.about["rows"] == 300
    assert model.about["test"] is None
    assert model.networks[0].settings == kinds.trial(3).trial.params


def test_a_quantity_has_an_interval_that_holds_most_of_the_rows_it_never_saw(
    weights: Study, table: Path
) -> None:
    model = weights.train()
    draw = load(str(table), "weight", seed=0, rows=None, dtype="float32")
    rows = animals(300).iloc[_test_apart(draw.table, draw.seed)[1]]
    low, high = model.predict_interval(rows).T
    inside = ((low <= rows["weight"]) & (rows["weight"] <= high)).mean()
    assert 0.85 <= inside <= 1
    assert high[0] - low[0] == pytest.approx(2 * model.margin)


def test_arrays_are_passed_again(folder: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = (X[:, 0] > 0).astype(int)
    storage = f"sqlite:///{folder}/arrays.db"
    study = hpo.search(X, y, name="arrays", storage=storage, **PLAN)
    with pytest.raises(DataError, match="passed from Python"):
        study.train()
    model = hpo.train("arrays", storage=storage, X=X, y=y)
    assert model.predict(X).dtype == y.dtype
    assert model.score(X, y) > 0.8
    with pytest.raises(PlanError, match="not those"):
        hpo.train("arrays", storage=storage, X=X[:-1], y=y[:-1])


def test_what_has_no_network_or_no_trial_of_that_number_is_refused(
    kinds: Study, tmp_path: Path
) -> None:
    storage = f"sqlite:///{tmp_path}/f.db"
    hpo.search(
        lambda params: params["x"], space={"x": hpo.Float(0, 1)}, trials=4, rounds=1, name="mine",
        storage=storage, executor="threads", progress=False,
    )  # fmt: skip
    with pytest.raises(PlanError, match=r"mine.*model of yours"):
        hpo.train("mine", storage=storage)
    with pytest.raises(studies.errors.StoreError, match="99"):
        kinds.train(trial=99)
    with pytest.raises(PlanError, match="ensemble"):
        kinds.train(trial=1, ensemble=2)
    with pytest.raises(PlanError, match="ensemble"):
        kinds.train(ensemble=0)


def test_settings_with_which_training_diverges_are_named(
    call_hpo: Call, weights: Study, folder: Path, tmp_path: Path
) -> None:
    storage = f"sqlite:///{tmp_path}/d.db"
    plan = {**PLAN, "trials": 8, "rounds": 1, "finalists": 0, "optimizer": "sgd"}
    space = {"learning_rate": hpo.Categorical((0.01, 1e30))}
    study = hpo.search(
        folder / "animals.csv", target="weight", space=space, storage=storage, **plan
    )
    trials = study.trials_frame()
    diverged = int(trials[trials["learning_rate"] == 1e30].iloc[0]["number"])
    done = call_hpo(f"train animals -o m.hpo --trial {diverged} --storage {storage}")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"Error: trial {diverged}: ")
    assert done.err.count("\n") == 1
    assert not (tmp_path / "m.hpo").exists()


# --- predictions for files ---


@pytest.fixture(scope="module")
def model(kinds: Study, folder: Path) -> Path:
    path = folder / "kinds.hpo"
    trainer.save(kinds.train(), path)
    return path


def test_a_file_is_predicted_row_by_row_whatever_its_kind(model: Path, tmp_path: Path) -> None:
    rows = animals(300).drop(columns="kind")
    expected = predictions(trainer.load(model), rows)
    rows.to_csv(tmp_path / "new.csv", index=False)
    rows.to_parquet(tmp_path / "new.parquet")
    rows.to_csv(tmp_path / "new.tsv.gz", sep="\t", index=False)
    for k, name in enumerate(("new.csv", "new.parquet", "new.tsv.gz")):
        answer = tmp_path / ("a.csv", "a.csv.gz", "a.parquet")[k]
        (line,) = predict_file(model, tmp_path / name, answer)
        assert line == f"300 rows predicted: {answer} written"
        read = pd.read_parquet(answer) if answer.suffix == ".parquet" else pd.read_csv(answer)
        pd.testing.assert_frame_equal(read, expected, check_dtype=False)


def test_a_file_in_pieces_gives_what_it_gives_as_a_whole(model: Path, tmp_path: Path) -> None:
    # More rows than are read at once; the last piece has a category that no other has.
    rows = pd.concat([animals(300).drop(columns="kind")] * 400, ignore_index=True)
    rows.loc[len(rows) - 1, "noise"] = "moo"
    rows.to_csv(tmp_path / "long.csv", index=False)
    notes = [*predict_file(model, tmp_path / "long.csv", tmp_path / "long.csv.gz")]
    assert "'noise'" in notes[0]
    assert "'moo' (1)" in notes[0]
    with gzip.open(tmp_path / "long.csv.gz", "rt") as file:
        read = pd.read_csv(file)
    expected = predictions(trainer.load(model), rows)
    pd.testing.assert_frame_equal(read, expected, check_dtype=False)


def test_without_a_header_the_column_of_the_labels_may_be_there_or_not(tmp_path: Path) -> None:
    rows = animals(200)[["kind", "weight", "noise", "wings"]]
    rows.to_csv(tmp_path / "bare.csv", index=False, header=False)
    storage = f"sqlite:///{tmp_path}/s.db"
    study = hpo.search(tmp_path / "bare.csv", target="0", header=False, storage=storage, **PLAN)
    trainer.save(study.train(), tmp_path / "m.hpo")
    rows.drop(columns="kind").to_csv(tmp_path / "new.csv", index=False, header=False)
    answers = []
    for name in ("bare.csv", "new.csv"):
        list(predict_file(tmp_path / "m.hpo", tmp_path / name, tmp_path / f"a-{name}"))
        answers.append(pd.read_csv(tmp_path / f"a-{name}"))
    pd.testing.assert_frame_equal(answers[0], answers[1])
    assert (answers[0]["prediction"] == rows["kind"]).mean() > 0.8


def test_a_table_that_lacks_a_column_is_refused_and_an_old_answer_stays(
    model: Path, tmp_path: Path
) -> None:
    animals(10)[["noise"]].to_csv(tmp_path / "new.csv", index=False)
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(trainer.errors.DataError, match=r"new\.csv.*'weight', 'wings'"):
        list(predict_file(model, tmp_path / "new.csv", tmp_path / "a.csv"))
    assert (tmp_path / "a.csv").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "new.csv"]


def test_commands_train_show_and_predict(call_hpo: Call, kinds: Study, tmp_path: Path) -> None:
    done = call_hpo(f"train animals -o m.hpo --storage {kinds.storage}")
    assert done.status == 0, done.err
    assert call_hpo("show m.hpo").out == done.out
    for fact in ("one of 3 classes", "noise (text)", "240 rows of animals.csv", "on the test rows"):
        assert fact in done.out
    animals(5).to_csv(tmp_path / "new.csv", index=False)
    done = call_hpo("predict m.hpo new.csv")
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "prediction,probability_bird,probability_cat,probability_dog"
    assert len(lines) == 6
    done = call_hpo("predict new.csv new.csv -o a.csv")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("Error: new.csv is no model")
    assert done.err.count("\n") == 1


def test_the_ending_says_which_kind_of_file_is_written(
    call_hpo: Call, kinds: Study, tmp_path: Path
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    done = call_hpo(f"train animals -o m.onnx --storage {kinds.storage}")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("model m.onnx")
    model = kinds.train()
    trainer.save_onnx(model, tmp_path / "python.onnx")
    assert (tmp_path / "python.onnx").read_bytes() == (tmp_path / "m.onnx").read_bytes()
    session = runtime.InferenceSession(tmp_path / "m.onnx")
    assert session.get_modelmeta().custom_metadata_map["study"] == "animals"
    rows = animals(300).drop(columns="kind").fillna({"noise": ""})
    (labels,) = session.run(
        ["label"],
        {
            name: rows[[name]].to_numpy(object if name == "noise" else float)
            for name in rows.columns
        },
    )
    np.testing.assert_array_equal(labels, model.predict(animals(300)))


def test_a_file_that_can_not_be_written_is_refused_before_anything_trains(
    call_hpo: Call, kinds: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = call_hpo(f"train nothing -o m.pkl --storage {kinds.storage}")
    assert done.status == 2
    assert done.err.count("\n") == 1
    for part in ("m.pkl", ".hpo", ".onnx"):
        assert part in done.err
    assert not [*tmp_path.glob("m.*")]
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(trainer.errors.DataError, match=r"m\.onnx.*pip install onnx"):
        check_output(Path("m.onnx"))
    check_output(Path("m.hpo"))


def test_an_onnx_file_is_not_taken_for_a_damaged_model(call_hpo: Call, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"onnx")
    animals(5).to_csv(tmp_path / "new.csv", index=False)
    done = call_hpo("predict m.onnx new.csv")
    assert done.status == 1
    assert "ONNX" in done.err
    assert ".hpo" in done.err


def test_what_a_model_is_can_be_read_as_plain_values(kinds: Study) -> None:
    facts = facts_of(kinds.train())
    assert facts["classes"] == ["bird", "cat", "dog"]
    assert [c["name"] for c in facts["columns"]] == ["weight", "noise", "wings"]
    assert facts["networks"][0]["sizes"][1:] == [12, 3]
