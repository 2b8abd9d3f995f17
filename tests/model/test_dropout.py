"""Dropout that draws a byte for each element."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.model.dropout import Dropout


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.9])
def test_the_share_that_is_dropped_and_the_mean_are_those_asked_for(p):
    torch.manual_seed(0)
    dropped = Dropout(p)(torch.ones(1000, 1001))
    assert abs(float((dropped == 0).float().mean()) - p) < 0.004
    assert abs(float(dropped.mean()) - 1) < 0.01
    assert len(dropped.unique()) == 2


def test_neighbours_and_passes_are_independent():
    torch.manual_seed(0)
    dropout = Dropout(0.5)
    first, second = (dropout(torch.ones(100_000)) > 0 for _ in range(2))
    assert abs(float((first == second).float().mean()) - 0.5) < 0.01
    for step in (1, 2, 7, 8, 16):
        assert abs(float((first[step:] == first[:-step]).float().mean()) - 0.5) < 0.01


@settings(deadline=None, max_examples=40)
@given(shape=st.lists(st.integers(0, 9), max_size=3), p=st.floats(0, 1))
def test_any_shape_and_probability_give_zeros_and_scaled_values(shape, p):
    values = torch.full(shape, 3.0, requires_grad=True)
    dropped = Dropout(p)(values)
    assert dropped.shape == values.shape
    dropped.sum().backward()
    assert torch.equal(dropped, 3 * values.grad)  # what was dropped learns nothing
    assert torch.equal(Dropout(p).eval()(values), values)


def test_one_seed_gives_one_mask():
    masks = []
    for _ in range(2):
        torch.manual_seed(5)
        masks.append(Dropout(0.3)(torch.ones(77)))
    assert torch.equal(*masks)


def test_all_or_nothing():
    assert not Dropout(1.0)(torch.ones(9)).any()
    assert torch.equal(Dropout(0.0)(torch.ones(9)), torch.ones(9))
