"""The operators of a model's ONNX graph: what turns rows into inputs, the networks, and what their outputs mean."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.arrays import Array
from trainer.data.encoding import MISSING, Columns, Pixels, Scaled
from trainer.layers import BATCH_NORM_EPSILON, GELU_CUBE, LEAK
from trainer.model import ClassifierModel, Model, RegressorModel, Trained

if TYPE_CHECKING:
    from onnx import ValueInfoProto

ROWS = "N"


def graph_of(model: Model, named: Mapping[str, str]) -> Graph:
    """The graph of a model, whose outputs have the names that `named` has for `label`, `quantity` and so on."""
    graph = Graph({column.name for column in model.columns} | {*named.values()})
    rows = _encoded(graph, model)
    if isinstance(model, ClassifierModel):
        _classes(graph, model, rows, named)
    else:
        _quantity(graph, model, rows, named)
    order = [column.name for column in model.columns] or ["X"]
    graph.inputs.sort(key=lambda value: order.index(value.name))
    return graph


class Graph:
    """The nodes, constants, inputs and outputs of a graph as they are added, each value with a name of its own."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = taken
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[ValueInfoProto] = []
        self.outputs: list[ValueInfoProto] = []

    def input(self, name: str, dtype: Any, width: int, doc: str) -> str:
        """An input (N, width)."""
        self.inputs.append(_described(name, dtype, [ROWS, width], doc))
        self.taken.add(name)
        return name

    def output(self, name: str, dtype: Any, shape: Sequence[int], doc: str) -> str:
        """Say that the value of this name is an output (N, …)."""
        self.outputs.append(_described(name, dtype, [ROWS, *shape], doc))
        return name

    def constant(self, values: Any, dtype: Any = np.float64) -> str:
        """A constant array."""
        from onnx import numpy_helper

        name = self._fresh("constant", len(self.constants))
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def add(self, operator: str, *inputs: str, named: str | None = None, **attributes: Any) -> str:
        """The output of one more node."""
        from onnx import helper

        name = named or self._fresh(operator, len(self.nodes))
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def cast(self, value: str, dtype: Any) -> str:
        """The value as another type of number."""
        from onnx import helper

        return self.add("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def _fresh(self, word: str, number: int) -> str:
        name = f"{word}_{number}"
        while name in self.taken:
            name = f"_{name}"
        self.taken.add(name)
        return name


def _described(name: str, dtype: Any, shape: Sequence[str | int], doc: str) -> ValueInfoProto:
    from onnx import helper

    of = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, of, shape, doc_string=doc)


def _encoded(graph: Graph, model: Model) -> str:
    """The inputs of the networks (N, I), in double precision after they were rounded as the encoding rounds them."""
    inputs, dtype = model.encoding.inputs, model.encoding.dtype
    if isinstance(inputs, Columns):
        parts = [*_numbers(graph, inputs, dtype), *_texts(graph, inputs)]
        return graph.add("Concat", *parts, axis=1)
    if isinstance(inputs, Pixels):
        pixels = graph.input("X", np.uint8, inputs.width, "pixels from 0 to 255, an image a row")
        parts_of_255 = graph.add("Div", graph.cast(pixels, dtype), graph.constant(255, dtype))
        return graph.cast(parts_of_255, np.float64)
    if not isinstance(inputs, Scaled):
        raise TypeError(f"there are no operators for {type(inputs).__name__}")
    X = graph.input("X", np.float64, inputs.width, "numbers in the order of the training rows")
    return _scaled(graph, X, inputs, np.dtype(np.float64), dtype)


def _numbers(graph: Graph, inputs: Columns, dtype: np.dtype[Any]) -> Iterator[str]:
    """Columns of numbers (N, n + m): filled, then where some are missing, all scaled."""
    precision = np.dtype(inputs.precision)
    doc = "a number; NaN where it is missing"
    columns = [graph.input(str(name), precision, 1, doc) for name in inputs.numbers]
    if not columns:
        return
    numbers = graph.add("Concat", *columns, axis=1)
    missing = graph.add("IsNaN", numbers)
    values = graph.add("Where", missing, graph.constant(inputs.fill, precision), numbers)
    if len(inputs.indicated):
        positions = graph.constant(inputs.indicated, np.int64)
        indicators = graph.cast(graph.add("Gather", missing, positions, axis=1), precision)
        values = graph.add("Concat", values, indicators, axis=1)
    yield _scaled(graph, values, inputs, precision, dtype)


def _scaled(
    graph: Graph, values: str, of: Columns | Scaled, precision: np.dtype[Any], dtype: np.dtype[Any]
) -> str:
    """Values less their means, divided by their deviations; in double precision, but rounded to `dtype`."""
    centered = graph.add("Sub", values, graph.constant(of.mean, precision))
    scaled = graph.add("Div", centered, graph.constant(of.scale, precision))
    return graph.cast(graph.cast(scaled, dtype), np.float64)


def _texts(graph: Graph, inputs: Columns) -> Iterator[str]:
    """A column of text as 0 and 1 (N, categories). One that is in none is a rare one, or 0 in all if none is rare."""
    for name, frequent, rare in zip(inputs.texts, inputs.categories, inputs.rare, strict=True):
        text = graph.input(str(name), object, 1, "text; empty where it is missing")
        codes = {category: code for code, category in enumerate(frequent)}
        other = len(frequent) if rare else -1
        codes[""] = codes.get(MISSING, other)
        code = graph.add(
            "LabelEncoder", text, domain="ai.onnx.ml", keys_strings=[*codes],
            values_int64s=[*codes.values()], default_int64=other,
        )  # fmt: skip
        positions = graph.constant(np.arange(len(frequent) + bool(rare)), np.int64)
        yield graph.cast(graph.add("Equal", code, positions), np.float64)


def _outputs(graph: Graph, trained: Trained, rows: str) -> str:
    """The outputs (N, C) of one network before softmax, or in standard units."""
    network = trained.network
    layers = network.views(trained.theta)
    scales, running = network.scales(trained.theta), network.running(trained.statistics)
    values = rows
    for k, layer in enumerate(layers):
        bias = layer.bias[0, 0] * network.ones(k)
        values = graph.add("Gemm", values, graph.constant(layer.weight[0]), graph.constant(bias))
        if k == len(layers) - 1:
            break
        if network.batch_norm:
            mean, variance = running[k]
            # The attribute for ε has single precision only, so ε is part of the variance.
            variance = variance.astype(np.float64) + BATCH_NORM_EPSILON
            parts = [graph.constant(part[0, 0]) for part in (*scales[k], mean, variance)]
            values = graph.add("BatchNormalization", values, *parts, epsilon=0.0)
        values = _activated(graph, network.activation, values)
    return values


def _activated(graph: Graph, activation: str, z: str) -> str:
    match activation:
        case "identity":
            return z
        case "relu" | "tanh" | "sigmoid":
            return graph.add(activation.capitalize(), z)
        case "gelu":
            return _gelu(graph, z)
        case "leaky_relu":  # ONNX Runtime has no LeakyRelu of doubles
            return graph.add("Max", z, graph.add("Mul", z, graph.constant(LEAK)))
    raise TypeError(f"there are no operators for the activation {activation!r}")


def _gelu(graph: Graph, z: str) -> str:
    """As `trainer.layers` has it. The operator Gelu has constants of single precision in ONNX Runtime."""
    root = math.sqrt(2 / math.pi)
    cube = graph.add("Mul", graph.add("Mul", z, z), graph.constant(GELU_CUBE * root))
    inner = graph.add("Mul", z, graph.add("Add", cube, graph.constant(root)))
    share = graph.add("Add", graph.add("Tanh", inner), graph.constant(1))
    return graph.add("Mul", graph.add("Mul", z, graph.constant(0.5)), share)


def _mean(graph: Graph, answers: Sequence[str]) -> str:
    if len(answers) == 1:
        return answers[0]
    # ONNX Runtime has no Mean of doubles.
    return graph.add("Div", graph.add("Sum", *answers), graph.constant(len(answers)))


def _classes(graph: Graph, model: ClassifierModel, rows: str, named: Mapping[str, str]) -> None:
    each = [graph.add("Softmax", _outputs(graph, n, rows), axis=1) for n in model.networks]
    probabilities = graph.add("Identity", _mean(graph, each), named=named["probabilities"])
    likeliest = graph.add("ArgMax", probabilities, axis=1, keepdims=0)
    classes: Array = model.classes_
    if classes.dtype.kind not in "bi":
        classes = np.array(model.class_names, object)
    labels = graph.constant(classes, classes.dtype)
    label = graph.add("Gather", labels, likeliest, named=named["label"])
    graph.output(label, classes.dtype, [], "the likeliest class")
    doc = "the probability of each class, in the order of the metadata's classes"
    graph.output(probabilities, np.float64, [len(classes)], doc)


def _quantity(graph: Graph, model: RegressorModel, rows: str, named: Mapping[str, str]) -> None:
    mean = _mean(graph, [_outputs(graph, n, rows) for n in model.networks])
    standard = graph.add("Squeeze", mean, graph.constant([1], np.int64))
    scaled = graph.add("Mul", standard, graph.constant(model.encoding.scale))
    shift = graph.constant(model.encoding.shift)
    quantity = graph.add("Add", scaled, shift, named=named["quantity"])
    graph.output(quantity, np.float64, [], "the quantity, in the units of the table")
    if "low" in named:
        margin = graph.constant(model.margin)
        for name, operator in (("low", "Sub"), ("high", "Add")):
            end = graph.add(operator, quantity, margin, named=named[name])
            graph.output(end, np.float64, [], "an end of the interval that holds 95 % of rows")
