"""The algebra of attention: score → align → context, each step against its formula."""

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attnclf.attention import alignments, contexts, modules, scores
from attnclf.attention.pooling import Pooling
from attnclf.attention.table import ALIGNMENTS, CONTEXTS, SCORES

# Each axis has its own size, so that a transposed product cannot pass.
BATCH, Q, TIME, DIM, HIDDEN, QUERY_DIM = 2, 3, 7, 5, 4, 6
WIDTHS = {torch.float16: 16, torch.float32: 32, torch.float64: 64}
ROUNDING = {torch.float16: 4e-3, torch.float32: 1e-5, torch.float64: 1e-12}


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).to(dtype)


def some_padding(batch=BATCH, time=TIME):
    """Rows of length time, time - 2, ...: (batch, 1, time)."""
    lengths = time - 2 * torch.arange(batch).unsqueeze(1)
    return (torch.arange(time) < lengths).unsqueeze(1)


def softmax_by_hand(row, keep):
    """The textbook formula over the real positions of one row, in double precision."""
    weights = np.zeros(len(row))
    if keep.any():
        real = np.exp(row[keep] - row[keep].max())
        weights[keep] = real / real.sum()
    return weights


@st.composite
def scores_and_keep(draw):
    """Scores (batch, q, time) as far apart as 2e4, with any positions real, none included."""
    batch, q, time = draw(st.lists(st.integers(1, 6), min_size=3, max_size=3, unique=True))
    dtype = draw(st.sampled_from(list(WIDTHS)))
    spread = draw(st.sampled_from([1.0, 30.0, 1e4]))
    values = st.floats(-spread, spread, width=WIDTHS[dtype])
    drawn = draw(arrays(np.float64, (batch, q, time), elements=values))
    keep = draw(arrays(np.bool_, (batch, 1, time)))
    return torch.from_numpy(drawn).to(dtype), torch.from_numpy(keep)


# Scores


def test_the_temporal_score_is_its_formula():
    keys, w, b = normal(BATCH, TIME, DIM), normal(DIM, seed=1), normal(seed=2)
    by_hand = np.array(
        [[[np.tanh(np.dot(w.numpy(), key) + float(b)) for key in row] for row in [text]] for text in keys.numpy()]
    )
    np.testing.assert_allclose(scores.temporal(keys, w, b).numpy(), by_hand, atol=1e-12)


def test_the_additive_score_is_its_formula():
    query, keys = normal(BATCH, Q, QUERY_DIM), normal(BATCH, TIME, DIM, seed=1)
    w, u, v = normal(HIDDEN, QUERY_DIM, seed=2), normal(HIDDEN, DIM, seed=3), normal(HIDDEN, seed=4)
    by_hand = np.empty((BATCH, Q, TIME))
    for place in np.ndindex(by_hand.shape):
        text, q, t = place
        by_hand[place] = v.numpy() @ np.tanh(w.numpy() @ query[text, q].numpy() + u.numpy() @ keys[text, t].numpy())
    np.testing.assert_allclose(scores.additive(query, keys, w, u, v).numpy(), by_hand, atol=1e-12)


def test_one_query_is_shared_by_every_text_of_a_batch():
    query, keys = normal(1, Q, QUERY_DIM), normal(BATCH, TIME, DIM, seed=1)
    parameters = normal(HIDDEN, QUERY_DIM, seed=2), normal(HIDDEN, DIM, seed=3), normal(HIDDEN, seed=4)
    shared = scores.additive(query, keys, *parameters)
    repeated = scores.additive(query.expand(BATCH, -1, -1), keys, *parameters)
    torch.testing.assert_close(shared, repeated)


@pytest.mark.parametrize("name", list(SCORES))
def test_a_score_of_the_table_has_one_number_for_each_token(name):
    row = SCORES[name]
    query, keys = normal(1, row.query_dim(DIM) or DIM, dtype=torch.float32), normal(BATCH, TIME, DIM).float()
    assert row.build(DIM)(query.expand(BATCH, 1, -1), keys).shape == (BATCH, 1, TIME)


def test_the_gradient_of_the_scores_is_that_of_finite_differences():
    keys, w, b = (value.requires_grad_() for value in (normal(2, 3, 4), normal(4, seed=1), normal(seed=2)))
    assert torch.autograd.gradcheck(scores.temporal, (keys, w, b))
    shapes = [(2, 1, 3), (2, 4, 5), (6, 3), (6, 5), (6,)]
    inputs = [normal(*shape, seed=seed).requires_grad_() for seed, shape in enumerate(shapes)]
    assert torch.autograd.gradcheck(scores.additive, inputs)


# Alignments


@pytest.mark.parametrize("name", list(ALIGNMENTS))
@settings(deadline=None, max_examples=30)
@given(case=scores_and_keep())
def test_weights_over_real_tokens_sum_to_one(name, case):
    values, keep = case
    weights = ALIGNMENTS[name].align(values, keep)
    total = weights.double().sum(dim=-1)
    expected = keep.any(dim=-1).double().expand_as(total)
    torch.testing.assert_close(total, expected, atol=ROUNDING[values.dtype], rtol=0)
    assert (weights >= 0).all()


@pytest.mark.parametrize("name", list(ALIGNMENTS))
@settings(deadline=None, max_examples=30)
@given(case=scores_and_keep())
def test_padding_gets_exactly_zero(name, case):
    values, keep = case
    weights = ALIGNMENTS[name].align(values, keep)
    assert (weights[~keep.expand_as(weights)] == 0).all()


@pytest.mark.parametrize("name", list(ALIGNMENTS))
@pytest.mark.parametrize("dtype", list(WIDTHS))
def test_a_row_of_only_padding_is_all_zero_and_its_gradient_too(name, dtype):
    values = (1e4 * normal(BATCH, Q, TIME)).to(dtype).requires_grad_()
    keep = torch.zeros(BATCH, 1, TIME, dtype=torch.bool)
    weights = ALIGNMENTS[name].align(values, keep)
    assert weights.tolist() == torch.zeros(BATCH, Q, TIME).tolist()
    (gradient,) = torch.autograd.grad(weights.sum(), values)
    assert gradient.tolist() == torch.zeros(BATCH, Q, TIME).tolist()


@pytest.mark.parametrize("name", list(ALIGNMENTS))
@settings(deadline=None, max_examples=30)
@given(case=scores_and_keep(), extra=st.integers(1, 5), junk=st.sampled_from([-1e4, 0.0, 1e4]))
def test_more_padding_changes_nothing(name, case, extra, junk):
    values, keep = case
    align, time = ALIGNMENTS[name].align, values.shape[-1]
    longer = torch.nn.functional.pad(values, (0, extra), value=junk)
    weights = align(longer, torch.nn.functional.pad(keep, (0, extra)))
    torch.testing.assert_close(weights[..., :time], align(values, keep), atol=ROUNDING[values.dtype], rtol=0)
    assert (weights[..., time:] == 0).all()


@settings(deadline=None, max_examples=30)
@given(case=scores_and_keep())
def test_the_global_alignment_is_the_softmax_over_real_positions(case):
    values, keep = case
    weights = alignments.global_softmax(values, keep)
    for text, q in np.ndindex(*values.shape[:2]):
        by_hand = softmax_by_hand(values[text, q].double().numpy(), keep[text, 0].numpy())
        np.testing.assert_allclose(weights[text, q].double(), by_hand, atol=ROUNDING[values.dtype])


@settings(deadline=None, max_examples=30)
@given(case=scores_and_keep(), random=st.randoms(use_true_random=False))
def test_shuffling_tokens_shuffles_the_global_weights_alike(case, random):
    values, keep = case
    order = random.sample(range(values.shape[-1]), values.shape[-1])
    shuffled = alignments.global_softmax(values[..., order], keep[..., order])
    torch.testing.assert_close(
        shuffled, alignments.global_softmax(values, keep)[..., order], atol=ROUNDING[values.dtype], rtol=0
    )


def test_a_higher_score_never_weighs_less():
    values, keep = normal(BATCH, Q, TIME), some_padding()
    weights = alignments.global_softmax(values, keep)
    for text, q in np.ndindex(BATCH, Q):
        real = keep[text, 0]
        assert values[text, q][real].argsort().tolist() == weights[text, q][real].argsort().tolist()


def test_the_gradient_of_the_alignment_is_that_of_finite_differences():
    values = normal(2, 3, 5).requires_grad_()
    keep = some_padding(2, 5)
    assert torch.autograd.gradcheck(lambda given: alignments.global_softmax(given, keep), (values,))


def test_no_gradient_reaches_the_score_of_padding():
    values, keep = normal(BATCH, Q, TIME).requires_grad_(), some_padding()
    (gradient,) = torch.autograd.grad((alignments.global_softmax(values, keep) ** 2).sum(), values)
    padding = ~keep.expand_as(gradient)
    assert (gradient[padding] == 0).all()
    assert (gradient[~padding] != 0).any()


# Contexts


def test_the_soft_context_is_the_weighted_mean():
    weights = alignments.global_softmax(normal(BATCH, Q, TIME), some_padding())
    values = normal(BATCH, TIME, DIM, seed=1)
    by_hand = np.zeros((BATCH, Q, DIM))
    for text, q, t in np.ndindex(BATCH, Q, TIME):
        by_hand[text, q] += float(weights[text, q, t]) * values[text, t].numpy()
    np.testing.assert_allclose(contexts.soft(weights, values, some_padding()).numpy(), by_hand, atol=1e-12)


def test_one_hot_weights_pick_one_value():
    values = normal(BATCH, TIME, DIM)
    weights = torch.zeros(BATCH, 1, TIME, dtype=values.dtype)
    weights[0, 0, 2] = weights[1, 0, 1] = 1
    picked = contexts.soft(weights, values, some_padding())
    torch.testing.assert_close(picked[:, 0], torch.stack([values[0, 2], values[1, 1]]))


def test_softmax_and_soft_context_are_the_attention_of_torch():
    query, keys, values = normal(BATCH, Q, DIM), normal(BATCH, TIME, DIM, seed=1), normal(BATCH, TIME, HIDDEN, seed=2)
    keep = some_padding()
    weights = alignments.global_softmax(query @ keys.transpose(1, 2) / DIM**0.5, keep)
    theirs = torch.nn.functional.scaled_dot_product_attention(query, keys, values, attn_mask=keep.expand(-1, Q, -1))
    torch.testing.assert_close(contexts.soft(weights, values, keep), theirs)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32), junk=st.sampled_from([-1e4, 0.0, 1e4]), lengths=st.lists(st.integers(1, 7)))
def test_the_maximum_of_soft_and_max_ignores_padding(seed, junk, lengths):
    lengths = torch.tensor([*lengths, TIME])
    keep = (torch.arange(TIME) < lengths.unsqueeze(1)).unsqueeze(1)
    values = normal(len(lengths), TIME, DIM, seed=seed).masked_fill(~keep.transpose(1, 2), junk)
    weights = alignments.global_softmax(normal(len(lengths), Q, TIME, seed=seed), keep)
    joined = contexts.soft_and_max(weights, values, keep)
    torch.testing.assert_close(joined[..., :DIM], contexts.soft(weights, values, keep))
    for text, length in enumerate(lengths.tolist()):
        peak = values[text, :length].max(dim=0).values
        torch.testing.assert_close(joined[text, :, DIM:], peak.expand(Q, -1), atol=0, rtol=0)


@pytest.mark.parametrize("name", list(CONTEXTS))
def test_the_gradient_of_a_context_is_that_of_finite_differences(name):
    keep = some_padding(2, 5)
    weights = alignments.global_softmax(normal(2, 1, 5), keep).requires_grad_()
    values = normal(2, 5, 3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda w, v: CONTEXTS[name].join(w, v, keep), (weights, values))


# Pooling


@pytest.mark.parametrize("score", list(SCORES))
@pytest.mark.parametrize("alignment", list(ALIGNMENTS))
@pytest.mark.parametrize("context", list(CONTEXTS))
def test_pooling_returns_the_weights_that_made_its_context(score, alignment, context):
    torch.manual_seed(0)
    pooling = Pooling(score, alignment, context, DIM)
    hidden, keep = normal(BATCH, TIME, DIM, dtype=torch.float32), some_padding().squeeze(1)
    pooled, weights = pooling(hidden, keep)
    assert pooled.shape == (BATCH, pooling.out_dim)
    assert weights.shape == (BATCH, TIME)
    mean = np.einsum("bt,btd->bd", weights.detach().numpy(), hidden.numpy())
    np.testing.assert_allclose(pooled[:, :DIM].detach().numpy(), mean, atol=1e-6)
    if context == "soft+max":
        peak = [hidden[text][keep[text]].max(dim=0).values.tolist() for text in range(BATCH)]
        np.testing.assert_allclose(pooled[:, DIM:].detach().numpy(), peak)


def test_temporal_pooling_does_not_look_at_a_query():
    torch.manual_seed(0)
    pooling, hidden = Pooling("temporal", "global", "soft", DIM), normal(BATCH, TIME, DIM, dtype=torch.float32)
    weights = pooling(hidden, torch.ones(BATCH, TIME, dtype=torch.bool))[1]
    swapped = hidden[:, [1, 0, *range(2, TIME)]]
    again = pooling(swapped, torch.ones(BATCH, TIME, dtype=torch.bool))[1]
    torch.testing.assert_close(again[:, [1, 0, *range(2, TIME)]], weights)


@pytest.mark.parametrize("score", list(SCORES))
def test_every_parameter_of_pooling_learns(score):
    torch.manual_seed(0)
    pooling = Pooling(score, "global", "soft", DIM)
    pooled, _ = pooling(normal(BATCH, TIME, DIM, dtype=torch.float32), some_padding().squeeze(1))
    pooled.square().sum().backward()
    for name, parameter in pooling.named_parameters():
        assert parameter.grad is not None, name
        assert (parameter.grad != 0).any(), name


def test_a_new_weight_is_spread_as_glorot_asks():
    torch.manual_seed(0)
    matrix = modules.weight(300, 200)
    bound = (6 / 500) ** 0.5
    assert matrix.abs().max() <= bound
    assert matrix.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)


@pytest.mark.parametrize(
    "call",
    [
        lambda: scores.temporal(normal(2, 7, 5), normal(4), normal()),
        lambda: scores.additive(normal(2, 3, 6), normal(2, 7, 5), normal(4, 5), normal(4, 6), normal(4)),
        lambda: alignments.global_softmax(normal(2, 3, 7), torch.ones(2, 1, 6, dtype=torch.bool)),
        lambda: alignments.global_softmax(normal(2, 3, 7), torch.ones(2, 3, 7, dtype=torch.bool)),
        lambda: alignments.global_softmax(normal(2, 3, 7), torch.ones(2, 1, 7)),
        lambda: contexts.soft(normal(2, 3, 7), normal(2, 6, 5), torch.ones(2, 1, 7, dtype=torch.bool)),
    ],
    ids=["key width", "swapped matrices", "mask too short", "mask per query", "mask of numbers", "values too short"],
)
def test_tensors_whose_shapes_disagree_are_refused(call):
    with pytest.raises(jaxtyping.TypeCheckError):
        call()
