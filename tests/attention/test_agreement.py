"""Agreement with independent code: torch's own attention, Keras, the entmax package, and numpy written from the papers.

Ours computes in single precision; every axis has its own size.
"""

import os

import numpy as np
import pytest
import torch
from torch import nn

from attnclf.attention import alignments, contexts, scores

BATCH, HEADS, Q, TIME, DIM, QUERY_DIM, HIDDEN = 2, 4, 3, 7, 5, 6, 8
LENGTHS = np.array([7, 5])
KEEP = torch.arange(TIME) < torch.from_numpy(LENGTHS).unsqueeze(1)  # (batch, time)
REAL = KEEP.unsqueeze(1)  # (batch, 1, time)


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).float()


def near(ours, theirs):
    torch.testing.assert_close(ours.double(), torch.as_tensor(theirs).double(), atol=1e-5, rtol=0)


def by_place(shape, formula):
    """Fill an array by calling a formula with the indices of every place."""
    filled = np.empty(shape)
    for place in np.ndindex(shape):
        filled[place] = formula(*place)
    return filled


def exponentials(row):
    """The softmax as every paper writes it, in double precision."""
    return np.exp(row) / np.exp(row).sum()


# Torch


def test_scaled_dot_with_softmax_is_the_attention_of_torch_head_by_head():
    query, keys = normal(BATCH, HEADS, Q, DIM), normal(BATCH, HEADS, TIME, DIM, seed=1)
    values, real = normal(BATCH, HEADS, TIME, HIDDEN, seed=2), REAL.unsqueeze(1)
    weights = alignments.global_softmax(scores.scaled_dot(query, keys), real)
    theirs = nn.functional.scaled_dot_product_attention(query, keys, values, attn_mask=real.expand(-1, -1, Q, -1))
    near(contexts.soft(weights, values, real), theirs)


def test_heads_as_a_batch_axis_give_the_multi_head_attention_of_torch():
    width, values_of = HEADS * DIM, {}
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(width, HEADS, batch_first=True).eval()
    nn.init.normal_(layer.in_proj_bias)
    nn.init.normal_(layer.out_proj.bias)
    inputs = {"query": normal(BATCH, Q, width), "keys": normal(BATCH, TIME, width, seed=1)}
    inputs["values"] = normal(BATCH, TIME, width, seed=2)
    projections = zip(inputs, layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3), strict=True)
    for name, matrix, bias in projections:
        values_of[name] = (inputs[name] @ matrix.T + bias).unflatten(-1, (HEADS, DIM)).transpose(1, 2)
    real = REAL.unsqueeze(1)
    weights = alignments.global_softmax(scores.scaled_dot(values_of["query"], values_of["keys"]), real)
    joined = contexts.soft(weights, values_of["values"], real).transpose(1, 2).flatten(-2)
    theirs, their_weights = layer(
        inputs["query"], inputs["keys"], inputs["values"], key_padding_mask=~KEEP, average_attn_weights=False
    )
    near(weights, their_weights)
    near(layer.out_proj(joined), theirs)


# Keras


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    """Keras's layers, computed by torch on the CPU; its settings file stays out of the home folder."""
    home = str(tmp_path_factory.mktemp("keras"))
    os.environ.update(KERAS_BACKEND="torch", KERAS_TORCH_DEVICE="cpu", KERAS_HOME=home)
    import keras

    assert keras.backend.backend() == "torch"
    return keras.layers


def of_keras(layer, query, values, keys):
    """Run a layer and return its context and its weights."""
    result = layer([query, values, keys], mask=[None, KEEP], return_attention_scores=True)
    return [output.detach() for output in result]


def test_dot_attention_is_that_of_keras(layers):
    query, keys, values = normal(BATCH, Q, DIM), normal(BATCH, TIME, DIM, seed=1), normal(BATCH, TIME, HIDDEN, seed=2)
    context, weights = of_keras(layers.Attention(), query, values, keys)
    ours = alignments.global_softmax(scores.dot(query, keys), REAL)
    near(ours, weights)
    near(contexts.soft(ours, values, REAL), context)


def test_additive_attention_is_that_of_keras(layers):
    query, keys, values = normal(BATCH, Q, DIM), normal(BATCH, TIME, DIM, seed=1), normal(BATCH, TIME, HIDDEN, seed=2)
    layer, v = layers.AdditiveAttention(), normal(DIM, seed=3)
    layer.build([query.shape, values.shape, keys.shape])
    layer.scale.assign(v)
    context, weights = of_keras(layer, query, values, keys)
    ours = alignments.global_softmax(scores.additive(query, keys, torch.eye(DIM), torch.eye(DIM), v), REAL)
    near(ours, weights)
    near(contexts.soft(ours, values, REAL), context)


# The papers, in numpy


def test_bahdanau_attention_is_its_equations():
    """Bahdanau et al. 2015, equations 5 and 6 and appendix A.1.2."""
    s, h = normal(BATCH, Q, QUERY_DIM), normal(BATCH, TIME, DIM, seed=1)
    w, u, v = normal(HIDDEN, QUERY_DIM, seed=2), normal(HIDDEN, DIM, seed=3), normal(HIDDEN, seed=4)
    weights = alignments.global_softmax(scores.additive(s, h, w, u, v), REAL)
    context = contexts.soft(weights, h, REAL)
    s, h, w, u, v = (value.double().numpy() for value in (s, h, w, u, v))
    for text, i in np.ndindex(BATCH, Q):
        length = LENGTHS[text]
        e = np.array([v @ np.tanh(w @ s[text, i] + u @ h[text, j]) for j in range(length)])
        near(weights[text, i, :length], exponentials(e))
        near(context[text, i], sum(a * h[text, j] for j, a in enumerate(exponentials(e))))


def test_luong_scores_are_their_equations():
    """Luong et al. 2015, section 3.1: dot, general, concat, and equation 8 (location)."""
    query, keys = normal(BATCH, Q, DIM), normal(BATCH, TIME, DIM, seed=1)
    w_a, joint, v_a = normal(DIM, DIM, seed=2), normal(HIDDEN, 2 * DIM, seed=3), normal(HIDDEN, seed=4)
    places = normal(TIME + 2, DIM, seed=5)
    h_t, h_s = query.double().numpy(), keys.double().numpy()
    shape = (BATCH, Q, TIME)
    near(scores.dot(query, keys), by_place(shape, lambda b, q, t: h_t[b, q] @ h_s[b, t]))
    w = w_a.double().numpy()
    near(scores.general(query, keys, w_a), by_place(shape, lambda b, q, t: h_t[b, q] @ w @ h_s[b, t]))
    w, v = joint.double().numpy(), v_a.double().numpy()
    concat = by_place(shape, lambda b, q, t: v @ np.tanh(w @ np.concatenate([h_t[b, q], h_s[b, t]])))
    near(scores.additive(query, keys, joint[:, :DIM], joint[:, DIM:], v_a), concat)
    w = places.double().numpy()
    near(scores.location(query, keys, places), by_place(shape, lambda b, q, t: (w @ h_t[b, q])[t]))


def test_biased_general_is_its_formula():
    query, keys = normal(BATCH, Q, QUERY_DIM), normal(BATCH, TIME, DIM, seed=1)
    w, u = normal(QUERY_DIM, DIM, seed=2), normal(DIM, seed=3)
    q, k, matrix, vector = (value.double().numpy() for value in (query, keys, w, u))
    by_hand = by_place((BATCH, Q, TIME), lambda b, i, t: q[b, i] @ matrix @ k[b, t] + vector @ k[b, t])
    near(scores.biased_general(query, keys, w, u), by_hand)


def test_content_addressing_is_its_equations():
    """Graves et al. 2014, equations 5 (softmax of β K) and 6 (K, the cosine)."""
    query, keys, beta = normal(BATCH, Q, DIM), normal(BATCH, TIME, DIM, seed=1), 3.7
    weights = alignments.global_softmax(scores.cosine(query, keys, torch.tensor(beta).log()), REAL)
    k, m = query.double().numpy(), keys.double().numpy()
    for text, i in np.ndindex(BATCH, Q):
        memory = m[text, : LENGTHS[text]]
        cosine = memory @ k[text, i] / (np.linalg.norm(memory, axis=1) * np.linalg.norm(k[text, i]))
        near(weights[text, i, : LENGTHS[text]], exponentials(beta * cosine))


def test_feed_forward_attention_is_the_keras_layer_of_the_sources():
    """tanh(h W + b), exp, times the mask, over the sum plus epsilon, with a bias for each position."""
    h, w, b, epsilon = normal(BATCH, TIME, DIM), normal(DIM, seed=1), normal(TIME + 2, seed=2), 1e-7
    ours = alignments.global_softmax(scores.feed_forward(h, w, b), REAL)
    e = np.tanh(np.einsum("btd,d->bt", h.double(), w.double()) + b.double().numpy()[:TIME])
    a = np.exp(e) * KEEP.numpy()
    a /= a.sum(axis=1, keepdims=True) + epsilon
    near(ours.squeeze(1), a)
    near(contexts.soft(ours, h, REAL).squeeze(1), (h.double().numpy() * a[..., None]).sum(axis=1))


@pytest.mark.parametrize("reach", [1, 2, 3])
def test_local_m_is_the_softmax_of_luong_in_the_window_around_t(reach):
    """Luong et al. 2015, section 3.2: p_t = t, equation 7 over [p_t - D, p_t + D]."""
    values = normal(BATCH, Q, TIME)
    weights = alignments.local_m(values, REAL, window=reach)
    for text, t in np.ndindex(BATCH, Q):
        window = range(max(0, t - reach), min(LENGTHS[text] - 1, t + reach) + 1)
        by_hand = np.zeros(TIME)
        by_hand[window] = exponentials(values[text, t].double().numpy()[window])
        near(weights[text, t], by_hand)


@pytest.mark.parametrize("reach", [1, 2, 3])
def test_local_p_is_the_equations_of_luong(reach):
    """Luong et al. 2015, section 3.2, equations 9 and 10, with the general score; positions count from 0."""
    query, keys = normal(BATCH, Q, QUERY_DIM), normal(BATCH, TIME, DIM, seed=1)
    w_a, w_p, v_p = normal(QUERY_DIM, DIM, seed=2), normal(HIDDEN, QUERY_DIM, seed=3), normal(HIDDEN, seed=4)
    weights = alignments.local_p(scores.general(query, keys, w_a), REAL, query, window=reach, w_p=w_p, v_p=v_p)
    q, k, w_a, w_p, v_p = (value.double().numpy() for value in (query, keys, w_a, w_p, v_p))
    for text, i in np.ndindex(BATCH, Q):
        length, h_t = LENGTHS[text], q[text, i]
        p = length / (1 + np.exp(-(v_p @ np.tanh(w_p @ h_t))))
        window = [s for s in range(length) if p - reach <= s <= p + reach]
        align = exponentials(np.array([h_t @ w_a @ k[text, s] for s in window]))
        by_hand = np.zeros(TIME)
        for s, share in zip(window, align, strict=True):
            by_hand[s] = share * np.exp(-((s - p) ** 2) / (2 * (reach / 2) ** 2))
        near(weights[text, i], by_hand)


# The entmax package


@pytest.mark.parametrize("name", ["sparsemax", "entmax15"])
@pytest.mark.parametrize("spread", [0.01, 1.0, 10.0, 1e4])
@pytest.mark.parametrize("time", [1, 2, 7, 300])
def test_sparse_alignments_and_their_gradients_are_those_of_the_entmax_package(name, spread, time):
    import entmax

    values = spread * normal(5, Q, time)
    keep = (torch.arange(time) < torch.tensor([time, time, max(time - 2, 1), time, 1]).unsqueeze(1)).unsqueeze(1)
    aim = normal(5, Q, time, seed=1)
    ours, theirs = values.clone().requires_grad_(), values.double().clone().requires_grad_()
    our_weights = getattr(alignments, name)(ours, keep)
    lowest = theirs.masked_fill(~keep, -1e9)
    their_weights = getattr(entmax, name)(lowest, dim=-1)
    near(our_weights, their_weights.detach())
    (our_weights * aim).sum().backward()
    (their_weights * aim).sum().backward()
    near(ours.grad, theirs.grad)
