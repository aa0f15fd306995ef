"""NumPy's archives and data sets of openml.org become tables, and what was taken is said."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from trainer.data import name_of, read
from trainer.data.files import contents
from trainer.errors import DataError


def saved(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "t.npz", **arrays)
    return str(folder / "t.npz")


def test_an_archive_of_rows_and_labels_needs_no_target(tmp_path: Path) -> None:
    X = np.arange(80.0).reshape(40, 2)
    table = read(saved(tmp_path, X=X, y=np.arange(40) % 2, names=np.array(["u", "v"])))
    assert isinstance(table.rows, pd.DataFrame)
    assert (table.name, list(table.rows.columns)) == ("t", ["x0", "x1"])
    np.testing.assert_array_equal(table.rows, X)
    assert table.labels.tolist() == [0, 1] * 20
    (note,) = table.notes
    assert "X (40, 2), y (40,)" in note
    assert "names (2,)" in note


def test_images_are_rows_and_labels_may_be_a_column(tmp_path: Path) -> None:
    path = saved(tmp_path, X=np.zeros((6, 2, 3)), y=np.arange(6)[:, None])
    assert list(contents(Path(path)).frame.columns) == [*(f"x{i}" for i in range(6)), "y"]


def test_an_archive_of_named_columns_is_a_table(tmp_path: Path) -> None:
    kind = np.array([*"ab"] * 20)
    path = saved(
        tmp_path, size=np.arange(40), kind=kind, raw=kind.astype("S"), at=np.zeros((40, 2)), one=3
    )
    frame = contents(Path(path)).frame
    assert list(frame.columns) == ["size", "kind", "raw", "at0", "at1"]
    assert frame["raw"].to_list() == frame["kind"].to_list() == [*kind]
    assert read(path, "kind").classes == ("a", "b")
    with pytest.raises(DataError, match="--target: size, kind, raw, at0, at1"):
        read(path)


def test_a_source_has_the_name_of_its_file_without_its_endings() -> None:
    sources = [
        "a/t.csv",
        "t.csv.gz",
        "T.TSV.GZ",
        "t.npz",
        "t.parquet",
        "openml:credit-g",
        "mnist:d/e",
        "digits",
    ]
    names = ["t", "t", "T", "t", "t", "credit-g", "mnist", "digits"]
    assert [*map(name_of, sources)] == names


# --- openml.org, as scikit-learn keeps what it has fetched ---

ARFF = "@RELATION made\n@ATTRIBUTE size NUMERIC\n@ATTRIBUTE kind {u,v}\n@ATTRIBUTE class {a,b}\n@DATA\n"
ROWS = "".join(f"{i},{'uv'[i % 2]},{'ab'[i % 3 == 0]}\n" for i in range(40))


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data set, as if it had been fetched before."""
    data = (ARFF + ROWS).encode()
    kinds = [
        ("size", "numeric", "false"),
        ("kind", "nominal", "false"),
        ("class", "nominal", "true"),
    ]
    features = [
        {"index": str(i), "name": name, "data_type": kind, "is_target": is_target,
         "is_ignore": "false", "is_row_identifier": "false", "number_of_missing_values": "0"}
        for i, (name, kind, is_target) in enumerate(kinds)
    ]  # fmt: skip
    description = {
        "id": "7", "name": "made", "version": "3", "description": "made", "format": "ARFF", "status": "active",
        "url": "https://www.openml.org/data/v1/download/9/made.arff", "default_target_attribute": "class",
        "file_id": "9", "md5_checksum": hashlib.md5(data).hexdigest(),  # noqa: S324  # openml.org's
    }  # fmt: skip
    api = "api/v1/json/data"
    files: dict[str, Any] = {
        f"{api}/list/data_name/made/limit/2/status/active/": {"data": {"dataset": [{"did": 7, "version": 3}]}},
        f"{api}/7": {"data_set_description": description},
        f"{api}/features/7": {"data_features": {"feature": features}},
        f"{api}/qualities/7": {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": "40"}]}},
    }  # fmt: skip
    contents = {name: json.dumps(value).encode() for name, value in files.items()}
    for name, content in {**contents, "data/v1/download/9/made.arff": data}.items():
        path = tmp_path / "openml" / "openml.org" / f"{name}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content))
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))


@pytest.mark.usefixtures("kept")
def test_a_data_set_of_openml_has_its_own_labels_or_others() -> None:
    table = read("openml:made")
    assert isinstance(table.rows, pd.DataFrame)
    assert (table.name, table.task, table.classes) == ("made", "classification", ("a", "b"))
    assert table.rows["size"].to_list() == [*range(40)]
    assert table.rows["kind"].to_list() == ["u", "v"] * 20
    assert "version 3, data set 7" in table.notes[0]
    assert read("openml:7").fingerprint == table.fingerprint
    assert read("openml:made", "kind").classes == ("u", "v")
    assert read("openml:made", "size").task == "regression"
    with pytest.raises(DataError, match="openml:made has no column 'sizes': did you mean 'size'"):
        read("openml:made", "sizes")


class _NoSuchDataSet(BaseHTTPRequestHandler):
    """Answers as openml.org does where nothing has the name."""

    def do_GET(self) -> None:  # the name is http.server's
        content = b'{"error": {"code": "372", "message": "No results"}}'
        self.send_response(412)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _NoSuchDataSet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_data_set_that_openml_does_not_have_is_told_in_one_line(
    address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from sklearn.datasets import _openml

    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    for name in ("_SEARCH_NAME", "_DATA_INFO"):
        there = getattr(_openml, name).replace("https://www.openml.org", address)
        monkeypatch.setattr(_openml, name, there)
    # Earlier versions take the path of any address.
    name = "_openml_path_from_url"
    monkeypatch.setattr(_openml, name, lambda url: url.removeprefix(address)[1:], raising=False)
    for name in ("nothing-of-this-name", "987654321"):
        with pytest.raises(DataError, match=f"^openml:{name}: openml.org has no such data set"):
            read(f"openml:{name}")
    with pytest.raises(DataError, match="openml: give the name"):
        read("openml:")


def test_without_a_network_it_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nobody listens
    with pytest.raises(DataError, match=r"^openml:iris: openml\.org can't be reached: ") as error:
        read("openml:iris")
    assert "\n" not in str(error.value)
