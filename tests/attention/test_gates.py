"""Gates on a dense vector are their formulas."""

import numpy as np
import torch
from scipy.special import expit, softmax

from attnclf.attention.gates import let_through, openness, sigmoid_gate, softmax_gate

FEATURES, HIDDEN, BATCH = 5, 3, 4


def drawn(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed + sum(shape)))


def test_gates_are_their_formulas():
    x, w, b = drawn(BATCH, FEATURES), drawn(FEATURES, FEATURES, seed=1), drawn(FEATURES)
    expected = np.stack([softmax(w.numpy() @ row + b.numpy()) for row in x.numpy()])
    np.testing.assert_allclose(softmax_gate(x, w, b).numpy(), expected)
    expected = np.stack([expit(w.numpy() @ row + b.numpy()) for row in x.numpy()])
    np.testing.assert_allclose(sigmoid_gate(x, w, b).numpy(), expected)


def test_what_goes_on_is_summed_over_the_ways_through_the_hidden_units():
    gates, w = drawn(BATCH, HIDDEN).sigmoid(), drawn(HIDDEN, FEATURES)
    expected = [[sum(g[j] * abs(w[j, i]) for j in range(HIDDEN)) for i in range(FEATURES)] for g in gates.numpy()]
    np.testing.assert_allclose(let_through(gates, w).numpy(), expected)
    np.testing.assert_allclose(openness(gates, w).numpy(), np.array(expected) / np.abs(w.numpy()).sum(axis=0))
    every, none = openness(torch.ones(1, HIDDEN).double(), w), openness(torch.zeros(1, HIDDEN).double(), w)
    np.testing.assert_allclose(every.numpy(), 1)
    assert (none == 0).all()
    assert (openness(gates, torch.zeros(HIDDEN, FEATURES).double()) == 0).all()  # a feature that leads nowhere


def test_gradients_are_those_of_the_functions():
    inputs = [drawn(BATCH, FEATURES), drawn(FEATURES, FEATURES), drawn(FEATURES)]
    for gate in (softmax_gate, sigmoid_gate):
        assert torch.autograd.gradcheck(gate, [value.clone().requires_grad_() for value in inputs])
