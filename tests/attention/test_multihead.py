"""Multi-head attention: agrees with torch's own and with its formula, head by head, under any padding."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from attnclf.attention.multihead import MultiHead, joined, split

BATCH, Q, TIME, DIM = 3, 4, 7, 12


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def scrambled(heads, dropout=0.0):
    ours = MultiHead(DIM, heads, dropout).eval()
    with torch.no_grad():
        for number, parameter in enumerate(ours.parameters()):
            parameter.copy_(normal(*parameter.shape, seed=number) * 0.5)
    return ours


def theirs_with_the_weights_of(ours):
    theirs = nn.MultiheadAttention(DIM, ours.heads, batch_first=True).eval()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key.bias, ours.value.bias]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    return theirs


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("heads", [1, 2, 3, 12])
@settings(deadline=None, max_examples=15)
@given(lengths=st.lists(st.integers(1, TIME), min_size=1, max_size=5), seed=st.integers(0, 2**31), q=st.integers(1, 5))
def test_multi_head_attention_is_that_of_torch_with_the_same_weights_and_padding(heads, lengths, seed, q):
    ours = scrambled(heads)
    queries, keys = normal(len(lengths), q, DIM, seed=seed), normal(len(lengths), TIME, DIM, seed=seed + 1)
    keep = torch.arange(TIME) < torch.tensor(lengths).unsqueeze(1)
    with torch.no_grad():
        gathered, weights = ours(queries, keys, keep)
        expected, each = theirs_with_the_weights_of(ours)(
            queries, keys, keys, key_padding_mask=~keep, average_attn_weights=False
        )
    close(gathered, expected)
    close(weights, each)


def test_a_head_is_attention_in_its_own_part_of_the_width():
    ours, heads = scrambled(3), 3
    queries, keys = normal(BATCH, Q, DIM), normal(BATCH, TIME, DIM, seed=1)
    with torch.no_grad():
        gathered, weights = ours(queries, keys, torch.ones(BATCH, TIME, dtype=torch.bool))
        q, k, v = (
            layer(value).numpy() for layer, value in ((ours.query, queries), (ours.key, keys), (ours.value, keys))
        )
    parts = []
    for head in range(heads):
        part = slice(head * DIM // heads, (head + 1) * DIM // heads)
        raised = np.exp(np.einsum("bqd,btd->bqt", q[..., part], k[..., part]) / (DIM / heads) ** 0.5)
        by_hand = raised / raised.sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(weights[:, head].numpy(), by_hand, atol=1e-5)
        parts.append(by_hand @ v[..., part])
    with torch.no_grad():
        close(gathered, ours.out(torch.from_numpy(np.concatenate(parts, axis=-1))))


def test_padding_gets_exactly_zero_and_the_weights_of_a_query_sum_to_one():
    keep = torch.arange(TIME) < torch.tensor([[7], [1], [4]])
    with torch.no_grad():
        _, weights = scrambled(4)(normal(BATCH, Q, DIM), normal(BATCH, TIME, DIM), keep)
    assert (weights.masked_select(~keep[:, None, None].expand_as(weights)) == 0).all()
    close(weights.sum(dim=-1), torch.ones(BATCH, 4, Q))


def test_parts_that_are_split_and_joined_are_as_before():
    vectors = normal(BATCH, TIME, DIM)
    assert split(vectors, 3).shape == (BATCH, 3, TIME, DIM // 3)
    assert torch.equal(joined(split(vectors, 3)), vectors)


def test_dropout_changes_what_is_gathered_and_not_the_weights_that_are_shown():
    ours = scrambled(2, dropout=0.5)
    inputs = normal(BATCH, Q, DIM), normal(BATCH, TIME, DIM), torch.ones(BATCH, TIME, dtype=torch.bool)
    with torch.no_grad():
        calm, shown = ours(*inputs)
        ours.train()
        shaken, still_shown = ours(*inputs)
    assert not torch.allclose(calm, shaken)
    assert torch.equal(shown, still_shown)
