"""MNIST's IDX files become rows; a file that is broken, or not there, is named."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.shared import Array
from trainer.data import TEST, read, split
from trainer.errors import DataError


def idx(array: Array) -> bytes:
    return struct.pack(f">HBB{array.ndim}i", 0, 8, array.ndim, *array.shape) + array.tobytes()


def images(count: int, size: int = 2) -> Array:
    return np.random.default_rng(count).integers(0, 256, (count, size, size)).astype(np.uint8)


def mnist(folder: Path, *, zipped: bool = False, **files: bytes) -> str:
    """A folder with the four files of a tiny MNIST, or others in their places."""
    content = {
        "train-images-idx3": idx(images(30)),
        "train-labels-idx1": idx((np.arange(30) % 3).astype(np.uint8)),
        "t10k-images-idx3": idx(images(9)),
        "t10k-labels-idx1": idx((np.arange(9) % 3).astype(np.uint8)),
    }
    content |= {name.replace("_", "-"): data for name, data in files.items()}
    for name, data in content.items():
        path = folder / f"{name}-ubyte{'.gz' if zipped else ''}"
        path.write_bytes(gzip.compress(data) if zipped else data)
    return f"mnist:{folder}"


@pytest.mark.parametrize("zipped", [False, True])
def test_mnist_is_read_and_its_own_test_rows_are_the_test_rows(
    zipped: bool, tmp_path: Path
) -> None:
    table = read(mnist(tmp_path, zipped=zipped))
    assert (table.name, table.task, table.classes) == ("mnist", "classification", ("0", "1", "2"))
    done, last = split(table, 0, dtype="float64"), split(table, 0, TEST, dtype="float64")
    assert [len(part.y) for part in (done.train, done.validation, last.validation)] == [24, 6, 9]
    np.testing.assert_array_equal(last.validation.X, images(9).reshape(9, 4) / 255)
    np.testing.assert_array_equal(last.validation.y, np.arange(9) % 3)
    together = np.concatenate([done.train.X, done.validation.X])
    expected = images(30).reshape(30, 4) / 255
    assert sorted(map(tuple, together)) == sorted(map(tuple, expected))


BROKEN: dict[str, tuple[dict[str, bytes], str]] = {
    "no magic": ({"train_images_idx3": b"\x89PNG" + bytes(200)}, "not an IDX file of 3 dimensions"),
    "labels for images": ({"train_images_idx3": idx(np.zeros(30, np.uint8))}, "not an IDX file"),
    "floats": ({"t10k_images_idx3": b"\0\0\x0d\x03" + bytes(200)}, "not an IDX file"),
    "empty": ({"t10k_labels_idx1": b""}, "not an IDX file of 1 dimensions"),
    "cut short": ({"train_images_idx3": idx(images(30))[:-1]}, "119 bytes .* 30 × 2 × 2"),
    "too long": ({"train_images_idx3": idx(images(30)) + b"x"}, "121 bytes .* 30 × 2 × 2"),
    "no images": ({"t10k_images_idx3": idx(images(0))}, "0 bytes .* 0 × 2 × 2"),
    "sizes below 0": (
        {"t10k_images_idx3": struct.pack(">HBB3i", 0, 8, 3, -1, -1, 4) + bytes(4)},
        "4 bytes .* -1 × -1 × 4",
    ),
    "fewer labels": ({"t10k_labels_idx1": idx(np.zeros(8, np.uint8))}, "9 t10k images but 8 labels"),
    "other size": ({"t10k_images_idx3": idx(images(9, 3))}, "not of one size"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "says"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("zipped", [False, True])
def test_a_broken_mnist_file_is_told(
    files: dict[str, bytes], says: str, zipped: bool, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=says) as error:
        read(mnist(tmp_path, zipped=zipped, **files))
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("damage", ["not zipped", "cut short", "changed"])
def test_a_broken_gzip_file_is_told(damage: str, tmp_path: Path) -> None:
    source = mnist(tmp_path, zipped=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(
        {
            "not zipped": idx(images(30)),
            "cut short": content[:half],
            "changed": content[:12] + b"\xff" * 40 + content[52:],
        }[damage]
    )
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz can't be read") as error:
        read(source)
    assert "\n" not in str(error.value)


def test_a_file_of_mnist_that_is_not_there_is_named(tmp_path: Path) -> None:
    source = mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"no file t10k-labels-idx1-ubyte\.gz or t10k-labels"):
        read(source)


def test_the_real_mnist_is_read(shared_data: Path) -> None:
    table = read(f"mnist:{shared_data / 'mnist'}")
    assert (table.rows.shape, len(table.classes or ())) == ((70_000, 784), 10)
    done, last = split(table, 0, rows=500), split(table, 0, TEST, rows=500)
    made = (done.train, done.validation, last.validation)
    assert [len(part.y) for part in made] == [400, 100, 10_000]
