"""The worst small step on the embedded text."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.training.objectives.adversarial import worst_step

LENGTHS = torch.tensor([4, 1, 6])
SHAPE = (3, 6, 5)


def case(seed=0):
    """Return vectors and a gradient (batch, time, dim), both zero at padding."""
    generator = torch.Generator().manual_seed(seed)
    real = (torch.arange(6) < LENGTHS.unsqueeze(1)).unsqueeze(-1)
    return torch.randn(SHAPE, generator=generator) * real, torch.randn(SHAPE, generator=generator) * real


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31), size=st.floats(0.01, 10), scale=st.sampled_from([1e-6, 1.0, 1e6]))
def test_the_step_of_each_text_has_the_asked_length_in_mean_token_norms(seed, size, scale):
    vectors, gradient = case(seed)
    steps = worst_step(vectors, scale * gradient, LENGTHS, size)
    for step, text, length in zip(steps, vectors, LENGTHS, strict=True):
        mean_norm = text[:length].norm(dim=1).mean()
        assert step.norm().item() == pytest.approx(size * mean_norm.item(), rel=1e-4)


def test_the_step_points_where_the_loss_rises_fastest():
    vectors, gradient = case()
    steps = worst_step(vectors, gradient, LENGTHS, 0.7)
    for step, direction in zip(steps, gradient, strict=True):
        cosine = torch.nn.functional.cosine_similarity(step.flatten(), direction.flatten(), dim=0)
        assert cosine.item() == pytest.approx(1, abs=1e-5)


def test_no_step_of_that_length_raises_a_linear_loss_more():
    vectors, gradient = case()
    steps = worst_step(vectors, gradient, LENGTHS, 0.7)
    others = torch.randn(200, *SHAPE, generator=torch.Generator().manual_seed(1))
    others *= steps.flatten(1).norm(dim=1).view(-1, 1, 1) / others.flatten(2).norm(dim=2).view(200, 3, 1, 1)
    assert ((others * gradient).sum(dim=(2, 3)) < (steps * gradient).sum(dim=(1, 2))).all()


def test_a_text_without_a_gradient_is_not_moved():
    vectors, gradient = case()
    gradient[1] = 0
    steps = worst_step(vectors, gradient, LENGTHS, 0.7)
    assert (steps[1] == 0).all()
    assert torch.isfinite(steps).all()


def test_padding_is_not_moved():
    vectors, gradient = case()
    steps = worst_step(vectors, gradient, LENGTHS, 0.7)
    assert (steps[torch.arange(6) >= LENGTHS.unsqueeze(1)] == 0).all()


def test_the_step_of_a_text_is_the_same_alone_and_beside_a_longer_one():
    vectors, gradient = case()
    vectors[0, 4:] = 9.0  # also where something stands at padding
    alone = worst_step(vectors[:1, :4], gradient[:1, :4], LENGTHS[:1], 0.7)
    beside = worst_step(vectors, gradient, LENGTHS, 0.7)
    torch.testing.assert_close(beside[:1, :4], alone)
