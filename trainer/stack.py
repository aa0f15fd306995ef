"""A stack: K trials that are trained at once, step by step.

A step gathers a minibatch, goes forward, lets the loss replace the outputs by their gradient, multiplies that by each
row's weight and each trial's learning rate, goes backward and updates. If theta is small, all of it is updated in one
pass after the backward pass. If it is larger than a cache, each layer of each trial is updated as soon as its gradient
is computed, in an array that the next one overwrites, so that gradients never leave the cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer import arrays, fields
from trainer.arrays import Array
from trainer.losses import LOSSES, SPARSE
from trainer.metrics import METRICS, class_numbers, row_means
from trainer.network import Network, Workspace
from trainer.optimizers import OPTIMIZERS
from trainer.pieces import Piece, clip_by_norm, one_for_all
from trainer.recipe import Recipe, Rows
from trainer.schedules import factor
from trainer.uncertainty import Ends, bootstrap, of_shares

EVALUATION_ROWS = 512
"""Rows scored at a time: enough for long products, few enough for the cache. It must not depend on K, or a trial would
feel its neighbours."""

WHOLE = 2**14
"""If a trial has no more parameters, a stack's theta is updated in one pass, else layer by layer as gradients come."""

PASS = 2**17
"""How many parameters are updated at a time: with all that belongs to them about what a core's cache holds."""

_COUNTS = ("epochs_trained", "steps", "rows_seen")

_INITIAL, _ORDER, _DROPOUT, _RESAMPLING = range(4)
"""Purposes of the random streams that grow from a seed."""


class _Product(NamedTuple):
    """Where the gradient of a layer's [W; b] for some trials is written, and the piece that is updated right after."""

    trials: slice
    affine: Array
    piece: Piece | None


class Stack:
    """K trials, which differ by their K settings."""

    def __init__(
        self,
        recipe: Recipe,
        settings: Sequence[Mapping[str, float | str]],
        inputs: int,
        *,
        seed: int,
        epochs: int,
    ) -> None:
        self.recipe, self.seed, self.epochs = recipe, seed, epochs
        self.dtype = np.dtype(recipe.dtype)
        self.loss, self.metric = LOSSES[recipe.loss], METRICS[recipe.metric]
        self.optimizer = OPTIMIZERS[recipe.optimizer]
        self.network = Network(
            (inputs, *recipe.hidden, recipe.outputs), recipe.activation, recipe.batch_norm
        )
        # Passes over the rows, updates of the parameters, and rows used in those updates.
        self.epochs_trained = self.steps = self.rows_seen = 0
        inits = [str(s.get("init", recipe.init)) for s in settings]
        rng = np.random.default_rng(_stream(seed, _INITIAL))
        self.theta, self.statistics = self.network.initial(inits, rng, self.dtype)
        self.state = self.optimizer.init(self.theta)
        self.hyperparams = {
            name: np.array([[float(s.get(name, number.default))] for s in settings])
            for name, number in fields.NUMBERS.items()
        }
        self._allocate()

    @np.errstate(over="ignore")  # a number too large for the dtype makes its trial diverge
    def _allocate(self) -> None:
        self._workspaces: dict[tuple[int, bool], Workspace] = {}
        rates = self.hyperparams["learning_rate"]
        # The gradient of a linear optimizer is multiplied by it at its source, and so is all that is added later.
        self.rate = rates if self.optimizer.linear else np.ones_like(rates)
        warmup = bool(self.hyperparams["warmup"].any())
        self.scheduled = warmup or self.recipe.schedule != "constant"
        self._shares: dict[int, Array] = {}
        self.dropout: Array | None = None
        if self.hyperparams["dropout"].any():
            self.dropout = self.hyperparams["dropout"][:, :, None]
        self.smoothing: Array | None = None
        if self.hyperparams["label_smoothing"].any():
            self.smoothing = self.hyperparams["label_smoothing"].astype(self.dtype)[:, :, None]
        self.clip: Array | None = None
        if np.isfinite(self.hyperparams["clip_norm"]).any():
            self.clip = self.hyperparams["clip_norm"]
        self._cut()

    def _cut(self) -> None:
        """Cut theta into the pieces that are updated together."""
        network, trials = self.network, len(self.theta)
        beyond = network.beyond()
        self.products: list[list[_Product]] = []
        self.last: list[Piece] = []
        if network.parameter_count <= WHOLE or self.clip is not None:
            gradient = arrays.zeros_like(self.theta)
            self.dbeyond = gradient[:, beyond]
            for views in network.views(gradient):
                self.products.append([_Product(slice(0, trials), views.affine, None)])
            everything = slice(0, network.parameter_count)
            cut = arrays.even_slices(trials, max(1, PASS // network.parameter_count))
            scratch = arrays.zeros_like(gradient[cut[0]])  # the first is the largest
            for group in cut:
                piece_scratch = scratch[: group.stop - group.start]
                self.last.append(self._piece(group, everything, gradient[group], piece_scratch))
            return
        blocks = [network.block(layer) for layer in range(network.layers)]
        lengths = [block.stop - block.start for block in blocks]
        cuts = [arrays.even_slices(trials, max(1, PASS // length)) for length in lengths]
        largest = max(
            (g.stop - g.start) * n for cut, n in zip(cuts, lengths, strict=True) for g in cut
        )
        gradients, scratches = (arrays.empty((largest,), self.dtype) for _ in range(2))
        for layer, (cut, block, n) in enumerate(zip(cuts, blocks, lengths, strict=True)):
            products = []
            for group in cut:
                k = group.stop - group.start
                gradient, scratch = (a[: k * n].reshape(k, n) for a in (gradients, scratches))
                piece = self._piece(group, block, gradient, scratch)
                products.append(_Product(group, network.affine(layer, gradient), piece))
            self.products.append(products)
        self.dbeyond = arrays.zeros_like(self.theta[:, beyond])
        if network.batch_norm:
            scratch = arrays.zeros_like(self.dbeyond)
            self.last.append(self._piece(slice(0, trials), beyond, self.dbeyond, scratch))

    def _piece(self, trials: slice, part: slice, gradient: Array, scratch: Array) -> Piece:
        optimizer = self.optimizer

        def of_weights(name: str, rate: Array) -> Array | None:
            values = (self.hyperparams[name] * rate)[trials].astype(self.dtype)
            return values if values.any() and part != self.network.beyond() else None

        read = ("learning_rate", *fields.OPTIMIZERS[self.recipe.optimizer])
        hyperparams = {name: one_for_all(self.hyperparams[name][trials]) for name in read}
        if "momentum" in hyperparams:
            hyperparams["momentum"] = hyperparams["momentum"].astype(self.dtype)
        decay = shrink = None
        if optimizer.decoupled:
            shrink = of_weights("weight_decay", self.hyperparams["learning_rate"])
        else:
            decay = of_weights("weight_decay", self.rate)
        theta = self.theta[trials, part]
        unpenalized = [self.network.no_weights(part, a) for a in (theta, scratch)]
        return Piece(
            trials=trials,
            theta=theta,
            gradient=gradient,
            scratch=scratch,
            unpenalized=list(zip(*unpenalized, strict=True)),
            state={name: values[trials, part] for name, values in self.state.items()},
            hyperparams=hyperparams,
            decay=decay,
            l1=of_weights("l1", self.rate),
            shrink=shrink,
        )

    def workspace(self, rows: int, *, training: bool) -> Workspace:
        """Where the current networks compute the outputs for so many rows."""
        key = (rows, training)
        if key not in self._workspaces:
            dbeyond = self.dbeyond if training else None
            self._workspaces[key] = Workspace(
                self.network, self.theta, self.statistics, rows, dbeyond
            )
        return self._workspaces[key]

    def keep(self, positions: NDArray[np.intp]) -> None:
        """Drop all trials but those at `positions` of the stack."""
        self.theta = arrays.rows(self.theta, positions)
        self.statistics = arrays.rows(self.statistics, positions)
        self.state = {name: arrays.rows(v, positions) for name, v in self.state.items()}
        self.hyperparams = {name: values[positions] for name, values in self.hyperparams.items()}
        self._allocate()

    def ready(self, rows: Rows, *, training: bool) -> Rows:
        """Rows in the recipe's dtype; for training without those of weight 0, and weighted by class, too.

        Weights are relative to the mean of all rows: a row of twice the weight pulls twice as hard, whatever minibatch
        it is in. (PyTorch and scikit-learn divide by the weights of the minibatch, which for one of all rows is the
        same. With label smoothing, PyTorch weighs each class's share in a target.)
        """
        X = rows.X.astype(self.dtype, copy=False)
        if self.recipe.loss == SPARSE:
            y = rows.y.astype(np.intp, copy=False)
        else:
            y = rows.y.astype(self.dtype, copy=False).reshape(len(X), -1)
        weights = rows.weights
        if training and self.recipe.class_weight is not None:
            of_class = np.asarray(self.recipe.class_weight)[class_numbers(y)]
            weights = of_class if weights is None else weights * of_class
        if weights is None:
            return Rows(X, y)
        if training:
            if not weights.any():
                raise ValueError("every row has a weight of 0, its own or that of its class")
            weights = weights / weights[weights != 0].mean()
        ready = Rows(X, y, weights.astype(self.dtype, copy=False))
        return ready.counted() if training else ready

    def epoch(self, rows: Rows) -> None:
        """One pass over rows that are `ready`, in an order drawn from the seed: a step for every minibatch."""
        count, size = len(rows.X), self.recipe.batch_size
        order = np.random.default_rng(_stream(self.seed, _ORDER, self.epochs_trained))
        self._noise = np.random.default_rng(_stream(self.seed, _DROPOUT, self.epochs_trained))
        self._steps_an_epoch = -(-count // size)
        positions = order.permutation(count)
        y = rows.y[positions]
        weights = None if rows.weights is None else rows.weights[positions]
        minibatch = arrays.empty((min(count, size), rows.X.shape[1]), self.dtype)
        for start in range(0, count, size):
            part = slice(start, start + size)
            X = arrays.rows(rows.X, positions[part], minibatch)
            self.step(X, y[part], None if weights is None else weights[part])
        self.epochs_trained += 1

    def step(self, X: Array, y: Array, weights: Array | None = None) -> None:
        """One minibatch: forward, the loss's gradient, backward, update.

        The gradient is that of the mean over the rows of their loss, times their `weights` (B,) if there are any.
        """
        change = self._change()
        rate = self.rate if change is None or not self.optimizer.linear else self.rate * change
        self.steps += 1
        self.rows_seen += len(X)
        workspace = self.workspace(len(X), training=True)
        if self.dropout is not None:
            workspace.drop(self._noise, self.dropout)
        outputs = workspace.forward(X)
        self.loss.gradient(outputs, y, self.smoothing)
        outputs *= self._share(rate, len(X))
        if weights is not None:
            outputs *= weights[:, None]
        for layer, dz in workspace.backward():
            into = workspace.inputs[layer].swapaxes(-1, -2)
            for trials, affine, piece in self.products[layer]:
                np.matmul(into if into.ndim == 2 else into[trials], dz[trials], out=affine)
                if piece is not None:
                    self._update(piece, change)
        if self.clip is not None:
            for piece in self.last:
                limit = (self.clip * rate)[piece.trials]
                clip_by_norm(piece.gradient, limit.astype(self.dtype))
        for piece in self.last:
            self._update(piece, change)

    def _change(self) -> Array | None:
        """The factors (K, 1) by which the schedule multiplies the learning rates of the next step."""
        if not self.scheduled:
            return None
        return factor(
            self.recipe.schedule, self.steps, self._steps_an_epoch, self.epochs, self.hyperparams
        )

    def _share(self, rate: Array, rows: int) -> Array:
        """The factor (K, 1, 1) of each of so many rows in the gradient."""
        if rate is not self.rate:
            return (rate / rows).astype(self.dtype)[:, :, None]
        if rows not in self._shares:
            self._shares[rows] = (rate / rows).astype(self.dtype)[:, :, None]
        return self._shares[rows]

    def _update(self, piece: Piece, change: Array | None) -> None:
        if change is not None:
            piece = piece.scheduled(change, self.optimizer)
        piece.update(self.optimizer, self.steps)

    def score(self, rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean loss and metric of the current networks on rows that are `ready`, each (K,).

        The loss is without penalties and weighted by the rows' weights; for the metric every row counts the same.
        """
        losses, scores = self._of_rows(rows)
        return row_means(losses, rows.weights), self._metric(scores, rows.y)

    def intervals(self, rows: Rows) -> tuple[Ends, Ends]:
        """The 95 % intervals of the same loss and metric, from the number of rows."""
        losses, scores = self._of_rows(rows)
        seed = _stream(self.seed, _RESAMPLING)
        if self.metric.groups is not None:
            of_metric = of_shares(scores, self.metric.groups(rows.y))
        else:
            of_metric = bootstrap(
                lambda drawn: self._metric(scores[:, drawn], rows.y[drawn]), len(rows.y), seed
            )
        weights = np.ones(len(rows.y)) if rows.weights is None else rows.weights
        of_loss = bootstrap(
            lambda drawn: row_means(losses[:, drawn], weights[drawn]), len(rows.y), seed
        )
        return of_loss, of_metric

    def _of_rows(self, rows: Rows) -> tuple[Array, Array]:
        """The loss of every row (K, N), and what the metric needs of it (K, N, …)."""
        losses, scores = [], []
        for start in range(0, len(rows.X), EVALUATION_ROWS):
            X, y = (a[start : start + EVALUATION_ROWS] for a in (rows.X, rows.y))
            outputs = self.workspace(len(X), training=False).forward(X)
            scores.append(self.metric.rows(self.loss, outputs, y))
            losses.append(self.loss.values(outputs, y))
        return np.concatenate(losses, axis=1), np.concatenate(scores, axis=1)

    def _metric(self, scores: Array, y: Array) -> NDArray[np.float64]:
        return self.metric.finish(self.loss, scores, y, self.recipe.target_scale)

    def saved(self) -> dict[str, Any]:
        """A copy of all that training changes, for `restore` to go on from."""
        return {
            "theta": self.theta.copy(),
            "statistics": self.statistics.copy(),
            "state": {name: values.copy() for name, values in self.state.items()},
            **{name: getattr(self, name) for name in _COUNTS},
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take up what was `saved` of a stack of the same recipe and settings."""
        self.theta[:], self.statistics[:] = saved["theta"], saved["statistics"]
        for name, values in self.state.items():
            values[:] = saved["state"][name]
        for name in _COUNTS:
            setattr(self, name, saved[name])

    def finite(self) -> NDArray[np.bool_]:
        """Which trials have finite parameters and a finite state of the optimizer, (K,)."""
        arrays_now = (self.theta, *self.state.values())
        return np.asarray(np.all([np.isfinite(a).all(axis=1) for a in arrays_now], axis=0))


def _stream(seed: int, *key: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=key)
