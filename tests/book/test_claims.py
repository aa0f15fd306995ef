"""Each experiment in small, on digits and with one seed: what the book claims holds, whatever the numbers are.

Claims that rest on seconds are left out. That a claim can fail is tested on measurements that are turned round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from scripts.book import (
    batch_norm,
    gradients,
    initial_weights,
    minibatches,
    normalizing,
    optimizers,
    overfitting,
    search,
)
from scripts.book.data import Images
from scripts.book.tables import Claim


def check(claims: Sequence[Claim], but: Sequence[str] = ()) -> None:
    """All hold that do not rest on seconds, except those that begin so."""
    for claim in claims:
        if not claim.timed and not claim.says.startswith(tuple(but)):
            assert claim.holds, (claim.says, claim.evidence)


def failing(claims: Sequence[Claim]) -> list[bool]:
    return [not claim.holds for claim in claims if not claim.timed]


@pytest.fixture(scope="module")
def measured_gradients(images: Images) -> gradients.Measured:
    return gradients.measure(images, gradients.QUICK)


def test_backpropagation_equals_numerical_differentiation(
    measured_gradients: gradients.Measured,
) -> None:
    check(gradients.claims(measured_gradients))


@pytest.mark.parametrize("name", gradients.NAMES)
def test_one_wrong_number_of_a_gradient_is_noticed(
    measured_gradients: gradients.Measured, name: str
) -> None:
    wrong = measured_gradients.backpropagated.copy()
    wrong[0, measured_gradients.parts[name][0]] += 1e-5
    assert failing(gradients.claims(replace(measured_gradients, backpropagated=wrong))) == [True]


def test_the_parts_of_a_gradient_are_all_of_it_once(
    measured_gradients: gradients.Measured,
) -> None:
    positions = np.concatenate(list(measured_gradients.parts.values()))
    assert sorted(positions) == list(range(measured_gradients.numerical.shape[1]))


def test_sgd_zigzags_and_is_slowest(images: Images) -> None:
    measured = optimizers.measure(images, optimizers.QUICK)
    # Which of the fast ones is ahead depends on data and learning rates, as the book says itself.
    check(optimizers.claims(measured), but=["AdaGrad"])
    names = list(optimizers.NAMES)
    swapped = dict(zip(names, [measured.losses[name] for name in reversed(names)], strict=True))
    paths = dict(zip(names, [measured.paths[name] for name in reversed(names)], strict=True))
    assert failing(optimizers.claims(replace(measured, losses=swapped, paths=paths)))[:2] == [
        True,
        True,
    ]


def test_first_weights_decide_whether_a_network_learns(images: Images) -> None:
    measured = initial_weights.measure(images, initial_weights.QUICK)
    check(initial_weights.claims(measured))
    backwards = replace(
        measured,
        activations={name: a[:, ::-1] for name, a in measured.activations.items()},
        losses=measured.losses[:, :, ::-1],
    )
    assert all(failing(initial_weights.claims(backwards)))


def test_batch_normalization_learns_where_the_plain_network_does_not(images: Images) -> None:
    measured = batch_norm.measure(images, batch_norm.QUICK)
    check(batch_norm.claims(measured))
    swapped = replace(measured, plain=measured.normalized, normalized=measured.plain)
    assert all(failing(batch_norm.claims(swapped)))


@pytest.mark.slow
def test_what_narrows_the_gap_between_training_and_test(images: Images) -> None:
    measured = overfitting.measure(images, overfitting.QUICK)
    check(overfitting.claims(measured))
    plain = measured.accuracies[overfitting.PLAIN]
    same = replace(
        measured,
        accuracies=dict.fromkeys(measured.accuracies, plain),
        epochs={name: len(plain[0]) for name in measured.epochs},
    )
    assert failing(overfitting.claims(same))[1:] == [True] * 4


def test_normalized_inputs_learn_and_leaks_are_seen(images: Images) -> None:
    measured = normalizing.measure(images, normalizing.QUICK)
    check(normalizing.claims(measured))
    swapped = replace(
        measured,
        raw=measured.normalized,
        normalized=measured.raw,
        told=measured.kept,
        spoilt=dict.fromkeys(measured.spoilt, measured.spoilt[normalizing.ALL]),
    )
    assert all(failing(normalizing.claims(swapped)))


def test_small_minibatches_need_fewer_epochs(images: Images) -> None:
    measured = minibatches.measure(images, minibatches.QUICK)
    check(minibatches.claims(measured))
    sizes = list(measured.losses)
    backwards = dict(zip(sizes, [measured.losses[size] for size in reversed(sizes)], strict=True))
    seconds = dict(zip(sizes, [measured.seconds[size] for size in reversed(sizes)], strict=True))
    assert failing(minibatches.claims(replace(measured, losses=backwards, seconds=seconds))) == [
        True
    ]


def test_a_correlation_that_only_a_third_number_makes_is_none() -> None:
    rng = np.random.default_rng(0)
    z = rng.random(300)
    x, y, noise = z + 0.2 * rng.random(300), z**3 + 0.1 * rng.random(300), rng.random(300)
    assert abs(search.given(x, y, noise)[0]) > 0.8
    assert search.given(x, y, z)[1] > 0.05
    assert search.given(x, y + x, z)[1] < 0.001


@pytest.mark.slow
def test_the_books_range_of_learning_rates_is_extended(images: Images) -> None:
    measured = search.measure(images, search.QUICK)
    check(search.claims(measured))
    assert measured.ours[0].epochs_trained <= measured.book[0].epochs_trained
    swapped = replace(measured, book=measured.ours, ours=measured.book)
    extended, better = failing(search.claims(swapped))[3:]
    assert extended
    assert better
