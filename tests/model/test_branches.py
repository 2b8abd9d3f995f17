"""Layers on a core each: what they give and what is learned from it is the same as one after the other."""

import copy
import os
import subprocess
import sys
import threading

import pytest
import torch
from support import ENVIRONMENT
from torch import nn

from attnclf.config import EncoderConfig
from attnclf.model import branches
from attnclf.model.branches import Branch, run_parallel
from attnclf.model.encoder import Encoder, Recurrence

FORKED = """
import os
import torch
from attnclf.model import branches
from attnclf.model.encoder import Recurrence

torch.set_num_threads(1)
branches.cores = lambda: 2
layer = Recurrence("lstm", 6, 5, bidirectional=True)
layer(torch.randn(4, 7, 6), torch.tensor([7, 1, 4, 6])).sum().backward()
child = os.fork()
if child == 0:
    layer(torch.randn(4, 7, 6), torch.tensor([7, 1, 4, 6])).sum().backward()
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""


@pytest.fixture
def cores(monkeypatch, request):
    """One thread for each product, and as many cores as the test asks for."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(branches, "cores", lambda: request.param)
    branches._workers.cache_clear()
    yield request.param
    branches._workers.cache_clear()
    torch.set_num_threads(threads)


def learned(layer, vectors, lengths):
    """Return the value of a layer, and the gradients of a loss at its input and its parameters."""
    layer, vectors = copy.deepcopy(layer), vectors.clone().requires_grad_()
    states = layer(vectors, lengths)
    (states.sin() * torch.arange(states.shape[-1])).sum().backward()
    return states.detach(), vectors.grad, *(parameter.grad for parameter in layer.parameters())


def in_a_row(layer, vectors, lengths, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(branches, "cores", lambda: 1)
        return learned(layer, vectors, lengths)


@pytest.mark.parametrize("cores", [2, 3], indirect=True)
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_two_directions_at_once_learn_bit_for_bit_what_they_learn_in_a_row(cores, cell, monkeypatch):
    torch.manual_seed(0)
    layer = Recurrence(cell, 6, 5, bidirectional=True)
    vectors, lengths = torch.randn(4, 7, 6), torch.tensor([7, 1, 4, 6])
    for ours, theirs in zip(
        learned(layer, vectors, lengths), in_a_row(layer, vectors, lengths, monkeypatch), strict=True
    ):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("cores", [2], indirect=True)
def test_a_network_that_reads_the_input_beside_its_states_learns_bit_for_bit_too(cores, monkeypatch):
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(hidden=8, output="states+vectors"), 6)
    encoder.register_forward_hook(lambda module, given, encoded: encoded.states)
    vectors, lengths = torch.randn(40, 30, 6), torch.randint(1, 31, (40,))
    for ours, theirs in zip(
        learned(encoder, vectors, lengths), in_a_row(encoder, vectors, lengths, monkeypatch), strict=True
    ):
        assert torch.equal(ours, theirs)


def branch(layer, meet=lambda: None):
    """Return a branch that calls `meet` before the layer."""

    def run(rows):
        meet()
        return layer(rows)

    return Branch(run, layer)


@pytest.mark.parametrize("cores", [2], indirect=True)
def test_each_layer_has_a_thread_and_the_gradients_of_both_are_summed(cores):
    seen = set()
    both = threading.Barrier(2, timeout=300)

    def meet():
        seen.add(threading.get_ident())
        both.wait()  # passes only when both are here

    first, second, rows = nn.Linear(3, 2), nn.Linear(3, 4), torch.randn(5, 3, requires_grad=True)
    ahead, back = run_parallel([branch(first, meet), branch(second, meet)], rows)
    (ahead.sum() + back.sum()).backward()
    assert len(seen) == 2
    expected = first.weight.detach().sum(dim=0) + second.weight.detach().sum(dim=0)
    torch.testing.assert_close(rows.grad, expected.expand(5, 3))


@pytest.mark.parametrize("cores", [2], indirect=True)
def test_a_frozen_layer_and_a_frozen_input_are_left_alone(cores):
    moving, still, rows = nn.Linear(3, 3), nn.Linear(3, 3).requires_grad_(False), torch.randn(2, 3)
    one, two = run_parallel([branch(moving), branch(still)], rows)
    (one.sum() + two.sum()).backward()
    assert moving.weight.grad is not None
    assert still.weight.grad is None
    assert rows.grad is None


@pytest.mark.parametrize("cores", [2], indirect=True)
def test_nothing_is_kept_for_a_backward_pass_where_none_will_come(cores):
    layer, rows, learning = nn.Linear(3, 3), torch.randn(2, 3), []
    seen = branch(layer, lambda: learning.append(torch.is_grad_enabled()))
    with torch.no_grad():
        one, two = run_parallel([seen, seen], rows)
    assert learning == [False, False]
    assert not one.requires_grad
    assert torch.equal(one, two)


@pytest.mark.parametrize("cores", [2], indirect=True)
@pytest.mark.parametrize("widths", [(4, 3), (3, 4)], ids=["here", "elsewhere"])
def test_an_error_in_a_branch_is_raised(cores, widths):
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        run_parallel([branch(nn.Linear(width, 3)) for width in widths], torch.randn(2, 3))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_child_learns_after_its_parent_has_learned():
    done = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, env=ENVIRONMENT, timeout=30, check=False
    )
    assert done.stdout == "0\n", done.stderr
