"""Losses as functions of the last layer's output, with their gradient.

Each takes outputs (K, B, C) and the labels of the B rows, overwrites the outputs with ∂(mean loss)/∂outputs, and
returns the loss of every row as (K, B). Nothing here sums over rows: that is one product, in `network`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def softmax_cross_entropy(outputs: Array, labels: NDArray[np.intp]) -> Array:
    """−log softmax(outputs)[label], labels (B,) as integers (*Deep Learning from Scratch*, 5.6.3 and appendix A).

    The largest output is subtracted first, so outputs of ±1e4 neither overflow nor lose the loss.
    """
    rows = labels.shape[0]
    index = np.arange(rows)
    outputs -= outputs.max(axis=-1, keepdims=True)
    loss = -outputs[:, index, labels]
    np.exp(outputs, out=outputs)
    total = outputs @ np.ones((outputs.shape[-1], 1), outputs.dtype)  # (K, B, 1)
    loss += np.log(total[..., 0])
    total *= rows
    outputs /= total
    outputs[:, index, labels] -= outputs.dtype.type(1 / rows)
    return loss


def squared_error(outputs: Array, targets: Array) -> Array:
    """½ (output − target)², targets (B,), one output (*Deep Learning from Scratch*, 4.2.1)."""
    outputs[..., 0] -= targets
    loss: Array = 0.5 * outputs[..., 0] ** 2
    outputs /= outputs.dtype.type(targets.shape[0])
    return loss


Loss = Callable[[Array, Any], Array]
LOSSES: dict[str, Loss] = {"classification": softmax_cross_entropy, "regression": squared_error}
