"""ONNX files: a model as a graph of standard operators, which ONNX Runtime and others run without hpo or Python.

The graph holds all that turns rows into answers: medians for missing numbers, scaling, categories, every network, and
the mean over them. It computes what `predict` and `predict_proba` do, in the same precisions: the networks in double,
since a quantity is often a small difference of large numbers.

**Inputs.** Of a model of a table, one for each column, with the column's name: numbers as float tensors (N, 1), NaN
where one is missing, and text as string tensors (N, 1), empty where it is missing. Of a model of an array, one tensor
`X` (N, columns): of bytes if those are the pixels of images, else of floats.

**Outputs.** Of classes, `label` (N,), which holds text, whole numbers or booleans as `classes_` does, and
`probabilities` (N, C) in the order of `classes_`. Of a quantity, `quantity` (N,) and, if the model has a margin, `low`
and `high` (N,), the ends of an interval that holds 95 % of rows. Where a column has the name of an output, that output
is called `predicted_label` and so on.

**What is left to whoever calls it**, because ONNX has no operators for it: numbers written as text have to be parsed
(`€ 1.234,5` is 1234.5), booleans are 0 and 1, blanks around text have to be removed, words that mean a missing value,
such as n.a. (`trainer.data.texts.MISSING`), are empty strings, and what is no text in a column of text, such as a date,
is written as Python's `str` writes it. A date in another notation than the table's is a category
that the model has never seen. `notes` says which columns of a model that concerns.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.data.encoding import MISSING, Columns
from trainer.errors import DataError
from trainer.model import ClassifierModel, Model
from trainer.model_file import replaced
from trainer.onnx_graph import graph_of

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET, ML_OPSET, IR = 21, 3, 10  # of 2024: read by ONNX Runtime 1.18 and all later ones
MEANS_MISSING = "NaN in a column of numbers, the empty string in a column of text"
DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b.*|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}\b.*")


def save_onnx(model: Model, path: str | Path) -> None:
    """Write a model as an ONNX file. A file of that name is replaced only when the new one is complete.

    Raises:
        DataError: the package onnx is not installed, or a column has no name.
    """
    require(path)
    content = to_onnx(model).SerializeToString(deterministic=True)
    with replaced(Path(path)) as temporary:
        temporary.write_bytes(content)


def require(path: str | Path) -> None:
    """Raise a DataError if the package onnx, without which the file `path` can't be written, is not installed."""
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise DataError(f"{path} needs the package onnx: pip install onnx") from None


def notes(model: Model) -> list[str]:
    """What whoever calls the graph has to know of this model's columns, in sentences."""
    lines = []
    for column in model.columns:
        if column.kind == "number" and (column.mark, column.unit) != (".", ""):
            unit = f" and the unit {column.unit}" if column.unit else ""
            lines.append(
                f"column {column.name!r}: the table writes its numbers with the decimal mark "
                f"{column.mark!r}{unit}; the graph takes them as floats"
            )
    inputs = model.encoding.inputs
    if isinstance(inputs, Columns):
        for name, frequent, rare in zip(inputs.texts, inputs.categories, inputs.rare, strict=True):
            texts = [text for text in (*frequent, *rare) if text != MISSING]
            if texts and all(map(DATE.fullmatch, texts)):
                lines.append(
                    f"column {name!r}: its dates are categories; the graph takes them as text, "
                    f"written like {min(texts)!r}"
                )
    lines += [
        f"column {name!r} has the name of an output, which is called {output!r}"
        for name, output in _output_names(model).items()
        if name != output
    ]
    return lines


def to_onnx(model: Model) -> ModelProto:
    """A model as an ONNX graph; see the module for its inputs and outputs.

    Raises:
        DataError: a column has no name.
    """
    from onnx import helper

    if any(not column.name for column in model.columns):
        raise DataError("a column has no name, and each input of an ONNX graph needs one")
    graph = graph_of(model, _output_names(model))
    about = dict(model.about or {})
    proto = helper.make_model(
        helper.make_graph(
            graph.nodes, str(about.get("study", "model")), graph.inputs, graph.outputs, graph.constants
        ),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)],
        ir_version=IR,
        producer_name="hpo",
        producer_version=str(about.get("hpo", "")),
    )  # fmt: skip
    facts = {"missing": MEANS_MISSING, "columns": [asdict(column) for column in model.columns]}
    if isinstance(model, ClassifierModel):
        facts["classes"] = model.class_names
    facts |= {"study": about["study"]} if "study" in about else {}
    texts = {
        name: fact if isinstance(fact, str) else json.dumps(fact, ensure_ascii=False)
        for name, fact in {**facts, "about": about}.items()
    }
    helper.set_model_props(proto, texts)
    return proto


def _output_names(model: Model) -> dict[str, str]:
    """The name of each output, which no column has."""
    names = ["label", "probabilities"] if isinstance(model, ClassifierModel) else ["quantity"]
    if not isinstance(model, ClassifierModel) and model.margin is not None:
        names += ["low", "high"]
    columns = {column.name for column in model.columns}
    found = {}
    for name in names:
        found[name] = name
        while found[name] in columns:
            found[name] = f"predicted_{found[name]}"
    return found
