"""What training minimises, against the formulas written out."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from attnclf.training.objectives.labels import binary_cross_entropy, cross_entropy

ROWS, LABELS = 5, 3


def tensors(seed, rows=ROWS, labels=LABELS, spread=3.0):
    generator = np.random.default_rng(seed)
    logits = torch.from_numpy(generator.normal(size=(rows, labels)) * spread).float()
    row_weights = torch.from_numpy(generator.uniform(0.1, 3, rows)).float()
    label_weights = torch.from_numpy(generator.uniform(0.1, 3, labels)).float()
    single = torch.from_numpy(generator.integers(0, labels, rows))
    several = torch.from_numpy(generator.integers(0, 2, (rows, labels))).float()
    return logits, row_weights, label_weights, single, several


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32), smoothing=st.floats(0, 0.9))
def test_cross_entropy_is_its_formula(seed, smoothing):
    logits, row_weights, label_weights, targets, _ = tensors(seed)
    total = parts = 0.0
    for scores, target, weight in zip(logits.double().numpy(), targets.tolist(), row_weights.tolist(), strict=True):
        log_p = scores - scores.max() - np.log(np.exp(scores - scores.max()).sum())
        wanted = np.full(LABELS, smoothing / LABELS)
        wanted[target] += 1 - smoothing
        weight *= float(label_weights[target])
        total -= weight * float(wanted @ log_p)
        parts += weight
    loss = cross_entropy(logits, targets, row_weights, label_weights, smoothing)
    assert loss.item() == pytest.approx(total / parts, rel=1e-4)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32), smoothing=st.floats(0, 0.9))
def test_binary_cross_entropy_is_its_formula(seed, smoothing):
    logits, row_weights, label_weights, _, targets = tensors(seed)
    p = 1 / (1 + np.exp(-logits.double().numpy()))
    wanted = targets.double().numpy() * (1 - smoothing) + smoothing / 2
    losses = -(label_weights.double().numpy() * wanted * np.log(p) + (1 - wanted) * np.log(1 - p)).mean(axis=1)
    weights = row_weights.double().numpy()
    loss = binary_cross_entropy(logits, targets, row_weights, label_weights, smoothing)
    assert loss.item() == pytest.approx((losses * weights).sum() / weights.sum(), rel=1e-4)


def test_label_weights_are_those_of_torch():
    logits, _, label_weights, targets, _ = tensors(0)
    ours = cross_entropy(logits, targets, torch.ones(ROWS), label_weights, 0.0)
    torch.testing.assert_close(ours, functional.cross_entropy(logits, targets, weight=label_weights))


@pytest.mark.parametrize("several", [False, True])
def test_only_the_ratio_of_row_weights_matters(several):
    logits, row_weights, label_weights, one, marks = tensors(1)
    objective, targets = (binary_cross_entropy, marks) if several else (cross_entropy, one)
    ours = objective(logits, targets, row_weights, label_weights, 0.1)
    torch.testing.assert_close(objective(logits, targets, 7 * row_weights, label_weights, 0.1), ours)


@pytest.mark.parametrize("several", [False, True])
def test_a_row_of_weight_zero_is_as_if_absent(several):
    logits, row_weights, label_weights, one, marks = tensors(2)
    objective, targets = (binary_cross_entropy, marks) if several else (cross_entropy, one)
    row_weights[3] = 0
    rest = [0, 1, 2, 4]
    ours = objective(logits, targets, row_weights, label_weights, 0.1)
    torch.testing.assert_close(ours, objective(logits[rest], targets[rest], row_weights[rest], label_weights, 0.1))


@pytest.mark.parametrize("several", [False, True])
def test_a_batch_whose_rows_all_weigh_nothing_costs_nothing(several):
    logits, _, label_weights, one, marks = tensors(3)
    objective, targets = (binary_cross_entropy, marks) if several else (cross_entropy, one)
    logits.requires_grad_()
    loss = objective(logits, targets, torch.zeros(ROWS), label_weights, 0.0)
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_lose_nothing_more_in_the_loss(several, dtype):
    logits, row_weights, label_weights, one, marks = tensors(4, spread=200.0)
    objective, targets = (binary_cross_entropy, marks) if several else (cross_entropy, one)
    half = logits.to(dtype)
    loss = objective(half, targets, row_weights, label_weights, 0.1)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, objective(half.float(), targets, row_weights, label_weights, 0.1))
    assert torch.isfinite(loss)


def test_the_best_logits_under_smoothing_are_not_infinitely_sure():
    targets, ones = torch.tensor([0]), torch.ones(1)
    losses = [cross_entropy(torch.tensor([[x, 0.0]]), targets, ones, torch.ones(2), 0.2).item() for x in (0, 2, 50)]
    assert losses[1] < losses[0] < losses[2]
    assert np.log(9) == pytest.approx(
        min(np.linspace(0, 5, 5001), key=lambda x: -(0.9 * x - np.log(1 + np.exp(x)))), abs=2e-3
    )
