"""What confirms is evidence, too: each training is one more value of its settings, freed from its stage's luck."""

from __future__ import annotations

import pytest

from hpo.choose.evidence import observations
from hpo.choose.types import Confirmation, Direction, History, Observation


def history(*confirmed: Confirmation) -> History:
    """Eight trials with the values 0, 1, …, 7 in batches of two."""
    trials = {k: Observation({"x": k}, float(k), batch=k // 2) for k in range(8)}
    return History(trials=trials, confirmed=list(confirmed))


def test_without_a_stage_the_evidence_is_the_trials_in_the_order_of_their_numbers() -> None:
    seen = history()
    seen.trials = dict(reversed(seen.trials.items()))
    assert observations(seen, "maximize") == [seen.trials[k] for k in range(8)]


def test_a_training_that_confirms_has_the_settings_and_the_batch_of_its_trial() -> None:
    seen = history(Confirmation(1, 6, 6.5), Confirmation(1, 3, None))
    again = observations(seen, "maximize")[8:]
    assert [t.settings for t in again] == [{"x": 6}, {"x": 3}]
    assert [t.batch for t in again] == [3, 1]
    assert [t.stage for t in again] == [1, 1]
    assert again[1].value is None


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_what_a_stage_does_to_all_settings_alike_is_taken_off(direction: Direction) -> None:
    sign = 1.0 if direction == "maximize" else -1.0

    def values(luck: float) -> list[float]:
        stage = [Confirmation(1, k, sign * (k + luck)) for k in range(8)]
        seen = history(*stage)
        seen.trials = {k: Observation({"x": k}, sign * k) for k in range(8)}
        return [t.value or 0.0 for t in observations(seen, direction)[8:]]

    lucky, usual = values(100.0), values(0.0)
    # Nearly all of the luck: a small part counts as the settings' own, since few stages are large.
    assert max(abs(one - other) for one, other in zip(lucky, usual, strict=True)) < 10
    # Differences inside a stage stay to the last digit but rounding.
    for k in range(1, 8):
        assert lucky[k] - lucky[k - 1] == pytest.approx(sign)


def test_the_history_is_left_as_it_was() -> None:
    seen, same = history(Confirmation(1, 2, 3.0)), history(Confirmation(1, 2, 3.0))
    observations(seen, "maximize")
    assert seen == same
