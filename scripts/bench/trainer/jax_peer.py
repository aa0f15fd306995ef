"""JAX at its best: the whole training of all trials as one compiled call.

One trial is a scan over epochs and steps; vmap makes a stack of them, and `lax.map` goes from stack to stack where not
all fit into one. One thread is one device with its thread pool, which is JAX as it comes; several are as many host
devices, to which shard_map shares the trials out: on two cores that takes two thirds of the time. Nothing comes in
that would be worth donating: the state of the trials lives inside the scan.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp
from jax.sharding import AxisType, Mesh, PartitionSpec
from numpy.typing import NDArray

from scripts.bench.trainer.peers import CORES, Variant
from scripts.bench.trainer.tasks import (
    ADAM_BETA1,
    ADAM_BETA2,
    ADAM_EPSILON,
    CLASSES,
    Task,
    initial_weights,
    row_orders,
)

jax.config.update("jax_num_cpu_devices", CORES)

Parameters = list[tuple[jax.Array, jax.Array]]  # W (I, O) and b (O,) of each layer


def train(task: Task, variant: Variant) -> NDArray[Any]:
    """Validation accuracy (E, K)."""
    # Every device must get as many trials as the others.
    devices = max(d for d in range(1, variant.threads + 1) if task.trials % d == 0)
    run = _compiled(task.optimizer, task.momentum, task.batch_size, devices, variant.stack)
    accuracies = run(
        task.learning_rates,
        task.weight_decays,
        [(weight, np.zeros(weight.shape[1], np.float32)) for weight in initial_weights(task)],
        task.X,
        jax.nn.one_hot(task.y, CLASSES),
        task.X_validation,
        task.y_validation,
        row_orders(task),
    )
    return np.asarray(jax.block_until_ready(accuracies)).T


@cache
def _compiled(
    optimizer: str, momentum: float, batch_size: int, devices: int, stack: int
) -> Callable[..., jax.Array]:
    """The program; jit keeps what it has compiled by the shapes it is called with."""

    def one_trial(
        rate: jax.Array,
        decay: jax.Array,
        parameters: Parameters,
        X: jax.Array,
        targets: jax.Array,
        X_validation: jax.Array,
        y_validation: jax.Array,
        orders: jax.Array,
    ) -> jax.Array:
        whole = len(X) // batch_size * batch_size  # rows in whole minibatches

        def step(state: Any, batch: tuple[jax.Array, jax.Array]) -> tuple[Any, None]:
            parameters, *_ = state
            gradients = jax.grad(_loss)(parameters, *batch)
            decayed = [
                (dweight + decay * weight, dbias)
                for (dweight, dbias), (weight, _) in zip(gradients, parameters, strict=True)
            ]
            update = _adam if optimizer == "adam" else _momentum
            return update(state, decayed, rate, momentum), None

        def epoch(state: Any, order: jax.Array) -> tuple[Any, jax.Array]:
            batches = order[:whole].reshape(-1, batch_size)
            state, _ = lax.scan(step, state, (X[batches], targets[batches]))
            if whole < len(X):
                state, _ = step(state, (X[order[whole:]], targets[order[whole:]]))
            right = jnp.argmax(_outputs(state[0], X_validation), -1) == y_validation
            return state, right.mean()

        zeros = jax.tree.map(jnp.zeros_like, parameters)
        _, accuracies = lax.scan(epoch, (parameters, zeros, zeros, jnp.float32(0)), orders)
        return accuracies

    def trials_of_a_device(rates: jax.Array, decays: jax.Array, *shared: Any) -> jax.Array:
        if stack >= len(rates):
            return jax.vmap(one_trial, (0, 0, *(None for _ in shared)))(rates, decays, *shared)
        return lax.map(
            lambda setting: one_trial(*setting, *shared), (rates, decays), batch_size=stack
        )

    mesh = Mesh(jax.devices()[:devices], ("trials",), axis_types=(AxisType.Auto,))
    split, whole = PartitionSpec("trials"), PartitionSpec()
    specs = (split, split, *(whole for _ in range(6)))
    shared_out = jax.shard_map(
        trials_of_a_device, mesh=mesh, in_specs=specs, out_specs=split, check_vma=False
    )
    program: Callable[..., jax.Array] = jax.jit(shared_out)
    return program


def _outputs(parameters: Parameters, X: jax.Array) -> jax.Array:
    *hidden, (weight, bias) = parameters
    for w, b in hidden:
        X = jax.nn.relu(X @ w + b)
    return X @ weight + bias


def _loss(parameters: Parameters, X: jax.Array, targets: jax.Array) -> jax.Array:
    z = _outputs(parameters, X)
    return (jax.nn.logsumexp(z, -1) - (z * targets).sum(-1)).mean()


def _momentum(state: Any, gradients: Parameters, rate: jax.Array, momentum: float) -> Any:
    parameters, velocities, squares, count = state
    if momentum:
        velocities = jax.tree.map(lambda v, g: momentum * v - rate * g, velocities, gradients)
        return jax.tree.map(jnp.add, parameters, velocities), velocities, squares, count
    stepped = jax.tree.map(lambda p, g: p - rate * g, parameters, gradients)
    return stepped, velocities, squares, count


def _adam(state: Any, gradients: Parameters, rate: jax.Array, momentum: float) -> Any:
    del momentum
    parameters, means, squares, count = state
    count += 1
    means = jax.tree.map(lambda m, g: ADAM_BETA1 * m + (1 - ADAM_BETA1) * g, means, gradients)
    squares = jax.tree.map(
        lambda s, g: ADAM_BETA2 * s + (1 - ADAM_BETA2) * g * g, squares, gradients
    )
    step, correction = rate / (1 - ADAM_BETA1**count), 1 - ADAM_BETA2**count
    stepped = jax.tree.map(
        lambda p, m, s: p - step * m / (jnp.sqrt(s / correction) + ADAM_EPSILON),
        parameters,
        means,
        squares,
    )
    return stepped, means, squares, count
