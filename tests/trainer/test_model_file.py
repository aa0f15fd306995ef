"""A model file gives the same model back, and whatever else a file holds is refused in one line and never executed."""

# Law 8: nothing is executed that came from data.

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load as arrays_of
from safetensors.numpy import save as to_bytes

from tests.trainer.models import animals, model_of
from trainer.errors import DataError
from trainer.model_file import DIGITS, FORMAT, load, save, sealed

MARK = Path("executed.txt")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return animals(100)


@pytest.fixture(scope="module")
def content(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("models") / "animals.hpo"
    save(model_of(frame, "kind"), path)
    return path.read_bytes()


@pytest.mark.parametrize("target", ["kind", "weight"])
@pytest.mark.parametrize(
    "recipe",
    [
        {"batch_norm": True, "activation": "tanh"},
        *(pytest.param(recipe, marks=pytest.mark.slow) for recipe in ({}, {"hidden": ()})),
    ],
)
def test_predictions_are_the_same_bits_after_saving_and_in_another_process(
    frame: pd.DataFrame, target: str, recipe: dict[str, Any], tmp_path: Path
) -> None:
    model = model_of(
        frame, target, margin=3.0, settings=[{"learning_rate": r} for r in (0.1, 0.01)], **recipe
    )
    save(model, tmp_path / "m.hpo")
    again = load(tmp_path / "m.hpo")
    method = "predict_proba" if target == "kind" else "predict_interval"
    answers = getattr(model, method)(frame)
    assert getattr(again, method)(frame).tobytes() == answers.tobytes()
    frame.to_pickle(tmp_path / "frame.pkl")  # between two processes of this test
    code = (
        f"import sys, pandas, trainer; m = trainer.load('m.hpo'); "
        f"sys.stdout.buffer.write(m.{method}(pandas.read_pickle('frame.pkl')).tobytes())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=True
    )
    assert found.stdout == answers.tobytes()


def test_the_same_model_is_the_same_file(
    frame: pd.DataFrame, content: bytes, tmp_path: Path
) -> None:
    save(model_of(frame, "kind"), tmp_path / "again.hpo")
    assert (tmp_path / "again.hpo").read_bytes() == content
    save(load(tmp_path / "again.hpo"), tmp_path / "third.hpo")
    assert (tmp_path / "third.hpo").read_bytes() == content


def refused(path: Path) -> str:
    with pytest.raises(DataError) as raised:
        load(path)
    line = str(raised.value)
    assert "\n" not in line
    assert str(path) in line
    return line


class Bomb:
    """Leaves a file behind if it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path(MARK).touch, ()


def _pickle(_: bytes) -> bytes:
    return pickle.dumps(Bomb())


def _object_arrays(_: bytes) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, model=np.array([Bomb()], object))
    return buffer.getvalue()


def _zip_bomb(_: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("/etc/model.json", bytes(50_000_000))
    return buffer.getvalue()


def _tar(_: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo("../../outside.txt")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"text"))
    return buffer.getvalue()


def _huge_header(_: bytes) -> bytes:
    return (2**62).to_bytes(8, "little") + b"{}"


def _huge_array(_: bytes) -> bytes:
    header = json.dumps(
        {"a": {"dtype": "F64", "shape": [2**40], "data_offsets": [0, 2**43]}}
    ).encode()
    return len(header).to_bytes(8, "little") + header


FOREIGN: list[Callable[[bytes], bytes]] = [
    _pickle, _object_arrays, _zip_bomb, _tar, _huge_header, _huge_array,
    lambda _: b"", lambda _: b"species,island\nAdelie,Biscoe\n", lambda content: content + b"more",
    lambda _: to_bytes({"weights": np.zeros(3)}), lambda content: content[8:],
]  # fmt: skip


@pytest.mark.parametrize("made", FOREIGN)
def test_other_files_are_refused_in_one_line_and_nothing_runs(
    made: Callable[[bytes], bytes], content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "other.hpo"
    path.write_bytes(made(content))
    refused(path)
    assert [*tmp_path.iterdir()] == [path]


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_shortened_or_changed_file_is_refused(
    data: st.DataObject, content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.hpo"
    if data.draw(st.booleans()):
        path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    else:
        damaged = bytearray(content)
        # Most of a file is arrays, so the header gets its share of changes.
        last = data.draw(st.sampled_from([7, 400, len(content) - 1]))
        damaged[data.draw(st.integers(0, last))] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(bytes(damaged))
    refused(path)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def _places(facts: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = (
        facts.items()
        if isinstance(facts, dict)
        else enumerate(facts)
        if isinstance(facts, list)
        else ()
    )
    return [path, *(place for key, value in items for place in _places(value, (*path, key)))]


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_whoever_forges_a_digest_gets_a_line_or_a_model_that_answers(
    data: st.DataObject,
    content: bytes,
    frame: pd.DataFrame,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    size = int.from_bytes(content[:8], "little")
    facts = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["model"][DIGITS:])
    arrays = arrays_of(content)
    if data.draw(st.booleans()):
        *path, last = data.draw(st.sampled_from(_places(facts)[1:]))
        parent = facts
        for key in path:
            parent = parent[key]
        parent[last] = data.draw(plain)
    else:
        name = data.draw(st.sampled_from(sorted(arrays)))
        shape = data.draw(st.lists(st.integers(0, 4), max_size=3))
        arrays[name] = np.full(shape, data.draw(st.sampled_from([0.0, 1e300, np.nan, -1.0])))
    text = json.dumps(facts)
    path_of = tmp_path_factory.getbasetemp() / "forged.hpo"
    path_of.write_bytes(to_bytes(arrays, {"model": sealed(text, arrays)}))
    try:
        model = load(path_of)
    except DataError:
        refused(path_of)
        return
    wanted = {column.name for column in model.columns}
    rows = frame if wanted <= {*frame.columns} else np.zeros((2, model.n_features_in_))
    with np.errstate(all="ignore"):
        assert len(model.predict(rows)) == len(rows)


def test_a_later_format_is_refused_with_what_to_do(content: bytes, tmp_path: Path) -> None:
    size = int.from_bytes(content[:8], "little")
    facts = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["model"][DIGITS:])
    text, arrays = json.dumps({**facts, "format": FORMAT + 1}), arrays_of(content)
    path = tmp_path / "later.hpo"
    path.write_bytes(to_bytes(arrays, {"model": sealed(text, arrays)}))
    assert "pip install --upgrade hpo-rounds" in refused(path)


def test_no_file_a_folder_and_one_that_can_not_be_read_are_refused(tmp_path: Path) -> None:
    refused(tmp_path / "none.hpo")
    refused(tmp_path)


def test_an_old_model_stays_where_the_new_one_can_not_be_written(
    frame: pd.DataFrame, content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "m.hpo"
    path.write_bytes(content)
    limited = (
        "import resource, signal, trainer; m = trainer.load('m.hpo'); m.about = {'x': 'y' * 99};"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); trainer.save(m, 'm.hpo')"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "OSError" in done.stderr
    assert path.read_bytes() == content
    assert [*tmp_path.iterdir()] == [path]
