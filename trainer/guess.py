"""What an answer that looks at no column scores: what any model has to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainer.losses import LOSSES, SPARSE
from trainer.metrics import METRICS, row_means

if TYPE_CHECKING:
    from trainer.data import Splits


def guess(splits: Splits, metric: str, loss: str) -> float:
    """Its score on the validation rows. For classes it is their shares among the training
    rows, so that the commonest wins; for a quantity it is its mean there.
    """
    train, targets = splits.train.y, splits.validation.y
    if loss == SPARSE:
        shares = np.bincount(train.astype(np.intp), minlength=splits.outputs) / len(train)
        answer = np.log(np.maximum(shares, 0.5 / len(train)))  # a class may have no row there
    else:
        targets = targets.reshape(len(targets), -1)
        answer = train.reshape(len(train), -1).mean(axis=0)
    outputs, function = np.tile(answer, (1, len(targets), 1)), LOSSES[loss]
    if metric not in METRICS:  # the loss
        return float(row_means(function.values(outputs, targets))[0])
    score = METRICS[metric]
    rows = score.rows(function, outputs, targets)
    return float(score.finish(function, rows, targets, splits.target_scale)[0])
