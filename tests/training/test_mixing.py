"""The two weights of a mixture: fitted where there is evidence, the prior ones where there is none."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from attnclf.training.calibration.ensemble import LINEAR, NETWORK, prior
from attnclf.training.calibration.logit_weights import PULL, fit_logit_weights

LABELS = 3
PRIOR = NETWORK, LINEAR


def mix(network, linear, targets):
    return fit_logit_weights([network, linear], targets, PRIOR)


def problem(rows, *, several=False, seed=0):
    """Return what a speaker who is right says (its logits are honest), what one says who guesses, and the targets."""
    generator = np.random.default_rng(seed)
    right, noise = (generator.normal(size=(rows, LABELS)) * 2 for _ in range(2))
    if several:
        targets = (generator.random((rows, LABELS)) < 1 / (1 + np.exp(-right))).astype(np.float32)
    else:
        targets = (right + generator.gumbel(size=right.shape)).argmax(axis=1)
    return torch.from_numpy(right).float(), torch.from_numpy(noise).float(), targets


def loss(logits, targets):
    targets = torch.from_numpy(targets)
    return float((binary_cross_entropy_with_logits if targets.ndim == 2 else cross_entropy)(logits, targets))


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("who", ["network", "linear"])
def test_who_is_right_is_heard_and_who_guesses_is_not(several, who):
    right, noise, targets = problem(2000, several=several)
    speakers = (right, noise) if who == "network" else (noise, right)
    weights = mix(*speakers, targets)
    heard, ignored = weights.tolist() if who == "network" else weights.flip(0).tolist()
    assert heard == pytest.approx(1, abs=0.15), "the honest logits are the likeliest as they are"
    assert 0 < ignored < 0.15
    mixed = loss(weights[0] * speakers[0] + weights[1] * speakers[1], targets)
    assert mixed < loss(noise, targets) - 0.3
    assert mixed <= loss(right, targets) + 0.01  # a weight is never quite 0


@pytest.mark.parametrize("several", [False, True])
def test_two_who_know_different_things_are_better_together(several):
    right, _, targets = problem(1000, several=several)
    half = right.clone()
    half[:500] = 0
    other = right - half
    a, b = mix(half, other, targets)
    assert loss(a * half + b * other, targets) < min(loss(half, targets), loss(other, targets)) - 0.1
    assert abs(a - b) < 0.25


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("scale_temperature", [0.2, 5.0])
def test_who_is_too_sure_or_too_timid_is_corrected(several, scale_temperature):
    right, noise, targets = problem(2000, several=several)
    a, _ = mix(scale_temperature * right, 0 * noise, targets)
    assert a.item() == pytest.approx(1 / scale_temperature, rel=0.15)


@settings(deadline=None, max_examples=25)
@given(
    rows=st.integers(1, 40), several=st.booleans(), seed=st.integers(0, 2**32), scale=st.sampled_from([1e-3, 1, 1e2])
)
def test_weights_are_positive_and_none_near_by_nor_the_prior_would_have_been_cheaper(rows, several, seed, scale):
    right, noise, targets = problem(rows, several=several, seed=seed)
    network, linear = scale * noise, scale * right
    weights = mix(network, linear, targets)
    assert torch.isfinite(weights).all()
    assert (weights > 0).all()
    prior = torch.tensor(PRIOR)

    def cost(weights):
        a, b = weights
        return rows * loss(a * network + b * linear, targets) + PULL * float((weights / prior).log().square().sum())

    least = cost(weights) * (1 - 1e-4) - 1e-3
    for other in (prior, *(weights * torch.tensor(step) for step in ((0.8, 1), (1.25, 1), (1, 0.8), (1, 1.25)))):
        assert least <= cost(other)


@pytest.mark.parametrize("several", [False, True])
def test_a_few_rows_move_the_weights_little_and_many_rows_further(several):
    prior = torch.tensor(PRIOR)
    moved = []
    for rows in (1, 10, 100, 1000):
        right, noise, targets = problem(rows, several=several, seed=1)
        moved.append(float((mix(noise, right, targets) / prior).log().abs().max()))
    assert moved[0] < 0.15
    assert moved == sorted(moved)
    assert moved[-1] > 0.8


def test_rows_with_a_label_that_the_model_does_not_know_are_left_out():
    right, noise, targets = problem(200)
    known = np.arange(200) % 3 != 0
    expected = mix(noise[known], right[known], targets[known])
    assert torch.equal(mix(noise, right, np.where(known, targets, -1)), expected)
    assert not torch.allclose(mix(noise, right, targets), expected, rtol=1e-3)


@pytest.mark.parametrize("rows", [0, 4])
def test_without_a_known_label_the_weights_are_the_prior_ones(rows):
    right, noise, _ = problem(rows)
    assert mix(noise, right, np.full(rows, -1)).tolist() == pytest.approx(PRIOR)


def test_speakers_who_are_never_wrong_are_not_believed_without_limit():
    sure = 50 * torch.eye(LABELS).repeat(20, 1)
    targets = np.arange(60) % LABELS
    assert (mix(sure, sure, targets) <= torch.tensor(PRIOR) * 1.1).all()
    assert (mix(-sure, -sure, targets) > 0).all()


def test_a_network_of_few_rows_counts_less_before_any_row_has_said_so():
    few, some, many = (prior(rows)[0] for rows in (10, 300, 100_000))
    assert few < NETWORK / 10 < some == NETWORK / 2 < many < NETWORK
    assert many == pytest.approx(NETWORK, rel=0.01)
    assert {prior(rows)[1] for rows in (10, 300, 100_000)} == {LINEAR}


def test_weights_are_finite_where_a_network_is_sure_of_everything_and_right_in_nothing():
    drawn = np.random.default_rng(5)
    rows, labels = (int(drawn.integers(100, 1500)) for _ in range(2))
    targets = np.arange(rows) % labels
    scales = 10 ** drawn.uniform(-4, 3), 10 ** drawn.uniform(-4, 1.5)
    sure = drawn.normal(size=(rows, labels)) * scales[0]
    modest = drawn.normal(size=(rows, labels)) * scales[1] / 10
    modest[np.arange(rows), targets] += scales[1] * (drawn.random(rows) < drawn.random())
    weights = fit_logit_weights(
        [torch.from_numpy(one.astype(np.float32)) for one in (sure, modest)], targets, (0.27, 0.5)
    )
    assert torch.isfinite(weights).all()
