"""What trained networks answer for rows: forward passes in double precision, some rows at a time."""

from __future__ import annotations

import numpy as np

from trainer.arrays import Array
from trainer.network import Network, Workspace

ROWS = 1024  # at a time, so that memory does not grow with the number of rows


def outputs(network: Network, theta: Array, statistics: Array, X: Array) -> Array:
    """The outputs (K, N, C) of K networks with parameters theta (K, P) for rows X (N, I).

    In double precision whatever they were trained in, so that those of a row hardly depend on the other rows.
    """
    theta, statistics = theta.astype(np.float64), statistics.astype(np.float64)
    found = np.empty((len(theta), len(X), network.sizes[-1]))
    workspace = None
    for start in range(0, len(X), ROWS):
        part = X[start : start + ROWS]
        if workspace is None or len(part) < ROWS:
            workspace = Workspace(network, theta, statistics, len(part))
        found[:, start : start + ROWS] = workspace.forward(part)
    return found
