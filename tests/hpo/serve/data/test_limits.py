"""What is too large is refused: while it comes, when it is unpacked, and where an owner has too much already."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from hpo.serve.caller import Caller
from hpo.serve.data import data_sets, uploading
from hpo.serve.problems import ProblemError
from tests.hpo.serve.data.uploads import PENGUINS, Serve, files, put
from tests.hpo.serve.in_process import by, problem


def zip_bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f8", "fortran_order": False, "shape": (5_000_000,)}
        )
        archive.writestr("x.npy", header.getvalue() + bytes(40_000_000))
    return file.getvalue()


def lying_array() -> bytes:
    """An archive whose array says that it has more rows than any memory holds."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f8", "fortran_order": False, "shape": (10**13,)}
        )
        archive.writestr("x.npy", header.getvalue() + bytes(80))
    return file.getvalue()


def parquet(rows: int) -> bytes:
    file = io.BytesIO()
    pd.DataFrame({"x": np.zeros(rows), "y": ["a"] * rows}).to_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.csv.gz", gzip.compress(b"1,2\n" * 5_000_000), "more than 10,000,000 bytes when it is"),
        ("x.csv", gzip.compress(b"1,2\n" * 5_000_000), "more than 10,000,000 bytes when it is"),
        ("x.npz", zip_bomb(), "more than 10,000,000 bytes when it is unpacked"),
        ("x.npz", lying_array(), "bytes of memory"),
        ("x.parquet", parquet(1_100), "has 1,100 rows, and the limit is 1,000"),
        ("x.csv", b"a\n" + b"1\n" * 1_100, "has 1,100 rows, and the limit is 1,000"),
    ],
    ids=["gzip", "gzip by another name", "zip", "a lie", "parquet rows", "text rows"],
)
def test_what_unpacks_to_too_much_is_refused(
    serve: Serve, name: str, content: bytes, reason: str
) -> None:
    service, client = serve(unpacked_bytes=10_000_000, rows=1_000)
    answer = client.post("/data", params={"name": name}, content=content)
    assert reason in problem(answer, 422)
    assert files(service) == []


def test_an_upload_over_the_limit_is_refused_before_and_while_it_comes(serve: Serve) -> None:
    service, client = serve(upload_bytes=100_000)
    too_much = b"a,b\n" + b"1,2\n" * 100_000
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        for start in range(0, len(too_much), 1000):
            taken += 1
            yield too_much[start : start + 1000]

    for content in (too_much, pieces()):
        answer = client.post("/data", params={"name": "x.csv"}, content=content)
        assert "more than 100,000 bytes, which is the limit" in problem(answer, 413)
    taken = 0
    with pytest.raises(ProblemError, match="100,000 bytes"):
        data_sets.upload(service, Caller("ada", "run"), "x.csv", pieces())
    assert taken == 101
    assert files(service) == []


def test_an_owner_has_a_quota_and_others_have_theirs(serve: Serve) -> None:
    service, client = serve(data_bytes=1_000, data_sets=2)
    first = put(client, "first.csv", PENGUINS)
    detail = problem(client.post("/data", params={"name": "b.csv"}, content=PENGUINS * 2), 413)
    assert "more than 1,000 bytes: delete some" in detail
    put(client, "second.csv", b"a,b\n1,2\n3,4\n")
    detail = problem(client.post("/data", params={"name": "c.csv"}, content=b"a\n1\n"), 413)
    assert "2 data sets, which is the limit" in detail
    put(client, "b.csv", PENGUINS, **by("bob"))
    assert client.delete(f"/data/{first}").status_code == 204
    put(client, "c.csv", b"a\n1\n")
    assert service.receiving["ada"] == 0


def test_uploads_under_way_count(serve: Serve) -> None:
    service, _ = serve(data_bytes=1_000)
    ada = Caller("ada", "run")
    with uploading.receiving(service, ada, "a.csv") as first:
        first.write(b"x" * 600)
        with (
            uploading.receiving(service, ada, "b.csv") as second,
            pytest.raises(ProblemError, match="1,000 bytes"),
        ):
            second.write(b"x" * 600)
        with uploading.receiving(service, Caller("bob", "run"), "b.csv") as other:
            other.write(b"x" * 600)
    assert files(service) == []
    assert not service.receiving.total()
