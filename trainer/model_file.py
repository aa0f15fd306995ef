"""Model files: a model as arrays and JSON in one file, which is read without running anything that it holds.

The file is of the format safetensors: a JSON header, then the arrays one after the other. Each array's name says what
it belongs to, such as `encoding.mean` or `network.0.theta`; the header's `model` is a digest (SHA-256) of all that
follows, by which a damaged file is noticed, and JSON with the rest: columns, classes, the shapes of the networks, their
settings, and where the model comes from. The same model gives the same bytes.

The reader believes nothing: it checks the digest, names, shapes and kinds of values, and that the model answers for one
row, and says in one line what is wrong. Files of earlier formats can be read for ever; `FORMAT` grows when it changes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from trainer.arrays import Array
from trainer.data.columns import Column
from trainer.data.encoding import Columns, Encoding
from trainer.data.layout import Layout
from trainer.errors import DataError
from trainer.layers import ACTIVATIONS
from trainer.model import ClassifierModel, Model, RegressorModel, Trained
from trainer.network import Network

FORMAT = 1
ENDING, ONNX_ENDING = ".hpo", ".onnx"
DIGITS = 64  # of a digest
LARGEST = 2**31  # bytes of a model file, many times those of any network that is trained here


def save(model: Model, path: str | Path) -> None:
    """Write a model to a file. A file of that name is replaced only when the new one is complete."""
    arrays, encoding = model.encoding.plain()
    arrays = {f"encoding.{name}": array for name, array in arrays.items()}
    for k, trained in enumerate(model.networks):
        arrays[f"network.{k}.theta"] = trained.theta
        arrays[f"network.{k}.statistics"] = trained.statistics
    facts: dict[str, Any] = {
        "format": FORMAT,
        "encoding": encoding,
        "columns": [asdict(column) for column in model.columns],
        "networks": [trained.facts for trained in model.networks],
        "about": dict(model.about or {}),
        "layout": None if model.layout is None else asdict(model.layout),
    }
    if isinstance(model, ClassifierModel):
        facts["classes"] = model.class_names
    else:
        facts["margin"] = model.margin
    text = json.dumps(facts, ensure_ascii=False, allow_nan=False)
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with replaced(Path(path)) as temporary:
        temporary.write_bytes(to_bytes(arrays, {"model": sealed(text, arrays)}))


def load(path: str | Path) -> Model:
    """The model of a file. Nothing that the file holds is executed.

    Raises:
        DataError: there is no such file, or it is no model, or damaged, or of a later version of hpo.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"no such file: {path}")
    if path.suffix == ONNX_ENDING:
        raise DataError(
            f"{path} is an ONNX file, for other programs: a model that can be read here ends in {ENDING}"
        )
    size = path.stat().st_size
    if size > LARGEST:
        raise DataError(f"{path} is no model: it has {size:,} bytes, more than any model")
    try:
        with safe_open(path, "numpy") as file:
            sealed_text = (file.metadata() or {}).get("model")
            arrays = {name: file.get_tensor(name) for name in sorted(file.keys())}
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path} is no model, or a damaged one: {_line(error)}") from None
    if sealed_text is None:
        raise DataError(f"{path} is no model of hpo, though it is a file of arrays")
    text = sealed_text[DIGITS:]
    if sealed(text, arrays) != sealed_text:
        raise DataError(f"{path} is damaged: its contents are not those that were written")
    try:
        facts = json.loads(text)
        if (version := int(facts["format"])) <= FORMAT:
            model = _model(facts, arrays)
            with np.errstate(divide="raise", invalid="raise", over="raise"):
                model.predict(_one_row(model))
            return model
    except (
        ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
    ) as error:  # fmt: skip
        raise DataError(f"{path} is no model of hpo: {_line(error)}") from None
    raise DataError(
        f"{path} has the format {version}, of a later version of hpo, and this one reads up to {FORMAT}: "
        "pip install --upgrade hpo-rounds"
    )


def _model(facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Model:
    for name, array in arrays.items():
        if array.dtype.kind not in "fi" or not np.isfinite(array).all():
            raise ValueError(f"the array {name} does not hold finite numbers")
    parts = {
        name.removeprefix("encoding."): array
        for name, array in arrays.items()
        if name.startswith("encoding.")
    }
    encoding = Encoding.from_plain(parts, facts["encoding"])
    columns = tuple(Column(**column) for column in facts["columns"])
    if not _fit(columns, encoding):
        raise ValueError("its columns are not those of its encoding")
    networks = tuple(_trained(k, of, arrays) for k, of in enumerate(facts["networks"]))
    names = {name for name in arrays if not name.startswith("encoding.")}
    expected = {
        f"network.{k}.{part}" for k in range(len(networks)) for part in ("theta", "statistics")
    }
    if not networks or names != expected:
        raise ValueError("its arrays are not those of its networks")
    answers = {"classes": 0, "margin": 1}.keys() & facts.keys()
    if len(answers) != 1:
        raise ValueError("it has neither classes nor a quantity")
    classes = tuple(map(str, facts.get("classes", ("quantity",))))
    for trained in networks:
        ends = trained.network.sizes[0], trained.network.sizes[-1]
        if ends != (encoding.width, len(classes)):
            raise ValueError("its networks do not fit its columns and classes")
    layout = None if facts["layout"] is None else Layout(**facts["layout"])
    if "classes" in facts:
        return ClassifierModel(networks, encoding, columns, facts["about"], classes, layout)
    margin = None if facts["margin"] is None else float(facts["margin"])
    return RegressorModel(networks, encoding, columns, facts["about"], margin, layout)


def _fit(columns: Sequence[Column], encoding: Encoding) -> bool:
    inputs = encoding.inputs
    if not isinstance(inputs, Columns):
        return not columns
    texts = [column.name for column in columns if column.kind == "text"]
    others = [column.name for column in columns if column.kind != "text"]
    return texts == inputs.texts and others == inputs.numbers


def _one_row(model: Model) -> Any:
    """A row without values."""
    import pandas as pd

    if not model.columns:
        return np.zeros((1, model.n_features_in_))
    return pd.DataFrame({column.name: [None] for column in model.columns}, dtype=object)


def _trained(k: int, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Trained:
    sizes = tuple(int(size) for size in facts["sizes"])
    if len(sizes) < 2 or min(sizes) < 1 or facts["activation"] not in ACTIVATIONS:
        raise ValueError(f"network {k} has no known shape")
    network = Network(sizes, facts["activation"], bool(facts["batch_norm"]))
    theta, statistics = arrays[f"network.{k}.theta"], arrays[f"network.{k}.statistics"]
    shapes = (1, network.parameter_count), (1, network.statistics)
    if (theta.shape, statistics.shape) != shapes or theta.dtype.kind != "f":
        raise ValueError(f"the arrays of network {k} are of other shapes than it says")
    return Trained(network, theta, statistics, dict(facts["settings"]))


def sealed(text: str, arrays: Mapping[str, Array]) -> str:
    """The text of a model with the digest of text and arrays before it."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest() + text


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place when it is complete."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
