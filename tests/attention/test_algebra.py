"""The algebra of attention: score → align → context, each step against its formula and its invariants."""

import dataclasses
import itertools

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attnclf.attention import alignments, contexts, scores
from attnclf.attention.pooling import Pooling
from attnclf.attention.step import Step, weight
from attnclf.catalog import ALIGNMENTS, CONTEXTS, SCORES
from attnclf.config import AttentionConfig
from attnclf.errors import ConfigError

# Each axis has its own size, so that a transposed product cannot pass.
BATCH, Q, TIME, DIM, HIDDEN, QUERY_DIM, LONGEST = 2, 3, 7, 5, 4, 6, 9
WINDOW = 2
WIDTHS = {torch.float16: 16, torch.float32: 32, torch.float64: 64}
ROUNDING = {torch.float16: 4e-3, torch.float32: 1e-5, torch.float64: 1e-12}
SAME_WIDTH = ("dot", "scaled_dot", "cosine")  # scores that need queries as wide as keys
SUMMING = [name for name in ALIGNMENTS if name != "local-p"]  # local-p damps its weights, as its paper does
CONTENT = [name for name in SCORES if name not in ("location", "feed_forward")]  # scores that no position changes


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


def sizes(same_width=False):
    return {"query": DIM if same_width else QUERY_DIM, "key": DIM, "hidden": HIDDEN, "max_length": LONGEST}


def parameters(row, dtype=torch.float64, **widths):
    """Random numbers for everything a mechanism learns, in the shapes that its row declares."""
    known = {**sizes(), **widths}
    return {
        name: normal(*(known[axis] for axis in axes.split()), seed=50 + place, dtype=dtype)
        for place, (name, axes) in enumerate(row.parameters.items())
    }


def scored(name, query, keys, **learned):
    """Call a score by its name, with the query where it takes one."""
    row = SCORES[name]
    asked = {"query": query} if "query" in row.inputs else {}
    return row.compute(keys=keys, **asked, **learned)


def aligned(name, values, keep, seed=20, sampling=False):
    """Call an alignment by its name, with a query of its own and everything else it takes."""
    row = ALIGNMENTS[name]
    query = normal(values.shape[-2], QUERY_DIM, seed=seed, dtype=values.dtype)
    known = {"scores": values, "keep": keep, "query": query, "window": WINDOW, "sampling": sampling}
    given = {name: known[name] for name in row.inputs & known.keys()}
    return row.compute(**given, **parameters(row, dtype=values.dtype))


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


@pytest.mark.parametrize("name", list(SCORES))
def test_a_score_of_the_table_has_one_number_for_each_query_and_token_or_takes_no_query(name):
    row, width = SCORES[name], DIM if name in SAME_WIDTH else QUERY_DIM
    query, keys = normal(BATCH, Q, width), normal(BATCH, TIME, DIM, seed=1)
    found = scored(name, query, keys, **parameters(row))
    assert found.shape == (BATCH, Q if "query" in row.inputs else 1, TIME)


@pytest.mark.parametrize("name", list(SCORES))
def test_one_query_is_shared_by_every_text_and_every_head(name):
    heads, width = 4, DIM if name in SAME_WIDTH else QUERY_DIM
    query, keys = normal(1, width), normal(BATCH, heads, TIME, DIM, seed=1)
    learned = parameters(SCORES[name])
    shared = scored(name, query, keys, **learned)
    assert shared.shape == (BATCH, heads, 1, TIME)
    for text, head in np.ndindex(BATCH, heads):
        alone = scored(name, query.unsqueeze(0), keys[text : text + 1, head], **learned)
        torch.testing.assert_close(shared[text, head], alone[0])


@pytest.mark.parametrize("name", CONTENT)
def test_shuffling_tokens_shuffles_content_scores_alike(name):
    query, keys = normal(BATCH, Q, DIM), normal(BATCH, TIME, DIM, seed=1)
    order = np.random.default_rng(3).permutation(TIME)
    learned = parameters(SCORES[name], query=DIM)
    torch.testing.assert_close(
        scored(name, query, keys[:, order], **learned), scored(name, query, keys, **learned)[..., order]
    )


@pytest.mark.parametrize("name", ["location", "feed_forward"])
def test_a_text_longer_than_the_positions_of_a_score_is_told_what_to_do(name):
    keys = normal(BATCH, LONGEST + 1, DIM)
    with pytest.raises(ConfigError) as raised:
        scored(name, normal(BATCH, Q, QUERY_DIM), keys, **parameters(SCORES[name]))
    assert str(raised.value) == (
        "a text of 10 tokens is longer than the 9 positions of this network; "
        "cut the text, or train with a larger text.max_length"
    )


@pytest.mark.parametrize("dtype", list(WIDTHS))
def test_the_cosine_survives_keys_that_are_huge_tiny_or_zero(dtype):
    keys = torch.tensor([[[4.8e4, 6.4e4], [3e-4, 4e-4], [0.0, 0.0], [-3.0, -4.0]]], dtype=dtype).requires_grad_()
    query = torch.tensor([[[0.6, 0.8]]], dtype=dtype)
    found = scores.cosine(query, keys, torch.zeros((), dtype=dtype))
    expected = torch.tensor([[[1.0, 1.0, 0.0, -1.0]]], dtype=dtype)
    torch.testing.assert_close(found, expected, atol=ROUNDING[dtype], rtol=0)
    found.sum().backward()
    assert keys.grad.isfinite().all()


@pytest.mark.parametrize("name", list(SCORES))
def test_the_gradient_of_a_score_is_that_of_finite_differences(name):
    width = 3 if name in SAME_WIDTH else 4
    learned = parameters(SCORES[name], key=3, query=width, hidden=2, max_length=5)
    inputs = [value.requires_grad_() for value in (normal(2, 2, width), normal(2, 5, 3, seed=1), *learned.values())]
    assert torch.autograd.gradcheck(
        lambda query, keys, *rest: scored(name, query, keys, **dict(zip(learned, rest, strict=True))), inputs
    )


# Alignments


@pytest.mark.parametrize("name", SUMMING)
@settings(deadline=None, max_examples=30)
@given(case=scores_and_keep())
def test_weights_over_real_tokens_sum_to_one(name, case):
    values, keep = case
    weights = aligned(name, values, keep)
    assert weights.dtype == values.dtype
    total = weights.double().sum(dim=-1)
    expected = keep.any(dim=-1).double().expand_as(total)
    torch.testing.assert_close(total, expected, atol=ROUNDING[values.dtype], rtol=0)
    assert (weights >= 0).all()


@settings(deadline=None, max_examples=30)
@given(case=scores_and_keep())
def test_the_damped_weights_of_local_p_are_positive_and_sum_to_at_most_one(case):
    values, keep = case
    weights = aligned("local-p", values, keep)
    assert (weights >= 0).all()
    assert (weights.double().sum(dim=-1) <= 1 + ROUNDING[values.dtype]).all()
    assert ((weights > 0).any(dim=-1) == keep.any(dim=-1)).all()


@pytest.mark.parametrize("name", list(ALIGNMENTS))
@settings(deadline=None, max_examples=30)
@given(case=scores_and_keep(), sampling=st.booleans())
def test_padding_gets_exactly_zero(name, case, sampling):
    values, keep = case
    weights = aligned(name, values, keep, sampling=sampling)
    assert weights.isfinite().all()
    assert (weights[~keep.expand_as(weights)] == 0).all()


@pytest.mark.parametrize("name", list(ALIGNMENTS))
@pytest.mark.parametrize("dtype", list(WIDTHS))
def test_a_row_of_only_padding_is_all_zero_and_its_gradient_too(name, dtype):
    values = (1e4 * normal(BATCH, Q, TIME)).to(dtype).requires_grad_()
    keep = torch.zeros(BATCH, 1, TIME, dtype=torch.bool)
    weights = aligned(name, values, keep, sampling=True)
    assert weights.tolist() == torch.zeros(BATCH, Q, TIME).tolist()
    (gradient,) = torch.autograd.grad(weights.sum(), values)
    assert gradient.tolist() == torch.zeros(BATCH, Q, TIME).tolist()


@pytest.mark.parametrize("name", SUMMING)
@pytest.mark.parametrize("dtype", list(WIDTHS))
@pytest.mark.parametrize("score", [-1e4, 0.0, 1e4])
def test_a_text_of_one_token_gives_it_all_the_weight(name, dtype, score):
    assert aligned(name, torch.full((1, 1, 1), score, dtype=dtype), torch.ones(1, 1, 1, dtype=torch.bool)).item() == 1


@pytest.mark.parametrize("name", list(ALIGNMENTS))
@pytest.mark.parametrize("side", ["left", "right"])
@settings(deadline=None, max_examples=30)
@given(case=scores_and_keep(), extra=st.integers(1, 5), junk=st.sampled_from([-1e4, 0.0, 1e4]))
def test_more_padding_changes_nothing(name, side, case, extra, junk):
    values, keep = case
    added = (0, extra) if side == "right" else (extra, 0)
    longer = torch.nn.functional.pad(values, added, value=junk)
    weights = aligned(name, longer, torch.nn.functional.pad(keep, added))
    before, real, after = weights.split([added[0], values.shape[-1], added[1]], dim=-1)
    torch.testing.assert_close(real, aligned(name, values, keep), atol=ROUNDING[values.dtype], rtol=0)
    assert (before == 0).all()
    assert (after == 0).all()


@pytest.mark.parametrize("name", ["global", "hard", "sparsemax", "entmax15"])
@settings(deadline=None, max_examples=30)
@given(case=scores_and_keep(), random=st.randoms(use_true_random=False))
def test_shuffling_tokens_shuffles_the_weights_alike(name, case, random):
    values, keep = case
    if name == "hard":  # of equal scores the first is chosen, and a shuffle changes which one that is
        values = values.double() + torch.arange(values.shape[-1]) * 1e-3
    order = random.sample(range(values.shape[-1]), values.shape[-1])
    shuffled = aligned(name, values[..., order], keep[..., order])
    torch.testing.assert_close(shuffled, aligned(name, values, keep)[..., order], atol=ROUNDING[values.dtype], rtol=0)


@pytest.mark.parametrize("name", list(ALIGNMENTS))
@settings(deadline=None, max_examples=30)
@given(case=scores_and_keep())
def test_a_large_gap_between_scores_makes_every_alignment_choose_as_the_hard_one(name, case):
    values, keep = case
    gaps = 100 * values.argsort(dim=-1).argsort(dim=-1).to(values.dtype)
    allowed = aligned(name, torch.zeros_like(values), keep) > 0  # all real positions, or those in the window
    best = alignments.hard(gaps.masked_fill(~allowed, -1e4), keep)
    weights = aligned(name, gaps, keep)
    if name == "local-p":
        assert torch.equal(weights > ROUNDING[values.dtype], best > 0)
    elif name == "hard":
        assert torch.equal(weights, alignments.hard(gaps, keep))
    else:
        torch.testing.assert_close(weights, best, atol=ROUNDING[values.dtype], rtol=0)


@settings(deadline=None, max_examples=30)
@given(case=scores_and_keep())
def test_the_global_alignment_is_the_softmax_over_real_positions(case):
    values, keep = case
    weights = alignments.global_softmax(values, keep)
    for text, q in np.ndindex(*values.shape[:2]):
        by_hand = softmax_by_hand(values[text, q].double().numpy(), keep[text, 0].numpy())
        np.testing.assert_allclose(weights[text, q].double(), by_hand, atol=ROUNDING[values.dtype])


@pytest.mark.parametrize("name", ["global", "sparsemax", "entmax15"])
def test_a_higher_score_never_weighs_less(name):
    values, keep = normal(BATCH, Q, TIME), some_padding()
    weights = aligned(name, values, keep)
    for text, q in np.ndindex(BATCH, Q):
        real = keep[text, 0]
        assert (weights[text, q][real][values[text, q][real].argsort()].diff() >= 0).all()


def test_sparse_alignments_leave_positions_out_and_the_softmax_does_not():
    values, keep = 3 * normal(BATCH, Q, TIME), some_padding()
    left_out = {name: int((aligned(name, values, keep) == 0).sum()) for name in ("global", "entmax15", "sparsemax")}
    padding = int((~keep).sum()) * Q
    assert padding == left_out["global"] < left_out["entmax15"] < left_out["sparsemax"]


@pytest.mark.parametrize("name", ["sparsemax", "entmax15"])
@pytest.mark.parametrize("row", [[0, 0, -2, -2], [0, 1e30, -1e30, 3e38], [-3e38, 3e38, 3e38, 0]])
def test_sparse_alignments_have_finite_gradients_on_a_grid_and_at_any_size(name, row):
    values = torch.tensor([[row]], dtype=torch.float32, requires_grad=True)
    weights = aligned(name, values, torch.ones(1, 1, 4, dtype=torch.bool))
    assert weights.sum().item() == pytest.approx(1)
    (weights * torch.arange(4)).sum().backward()
    assert values.grad.isfinite().all()
    assert values.grad.sum().item() == pytest.approx(0, abs=1e-5)


@settings(deadline=None, max_examples=50)
@given(case=scores_and_keep(), window=st.integers(1, 3), places=st.data())
def test_a_local_window_reaches_exactly_its_width_and_never_further(case, window, places):
    values, keep = case
    values = values.clamp(-3, 3)  # no weight inside the window rounds to 0
    batch, q, time = values.shape
    position = torch.from_numpy(places.draw(arrays(np.float64, (batch, q), elements=st.floats(-3, time + 3))))
    weights = alignments.local_m(values, keep, window=window, position=position)
    for text, row in np.ndindex(batch, q):
        real = np.flatnonzero(keep[text, 0])
        own = min(max(float(position[text, row].to(weights.dtype)), 0), len(real) - 1)
        near = [int(place) for rank, place in enumerate(real) if abs(rank - own) <= window]
        if any(abs(abs(rank - own) - window) < 1e-3 for rank in range(len(real))):
            continue  # on the very edge, rounding decides
        assert weights[text, row].nonzero().flatten().tolist() == near


def test_without_a_position_local_m_stands_in_the_middle_or_query_by_query():
    flat, keep = torch.zeros(2, 1, 9), (torch.arange(9) < torch.tensor([[9], [4]])).unsqueeze(1)
    one = alignments.local_m(flat, keep, window=1)
    assert [row.nonzero().flatten().tolist() for row in one[:, 0]] == [[3, 4, 5], [1, 2]]
    many = alignments.local_m(flat.expand(2, 9, 9), keep, window=1)
    assert [row.nonzero().flatten().tolist() for row in many[0]] == [
        [place for place in (t - 1, t, t + 1) if 0 <= place < 9] for t in range(9)
    ]


def test_the_predicted_window_follows_the_query_and_the_length():
    flat, keep = torch.zeros(2, 1, 40), (torch.arange(40) < torch.tensor([[40], [20]])).unsqueeze(1)
    w_p, v_p = torch.ones(1, 1), torch.tensor([8.0])
    for direction, expected in ((5.0, [39, 20 - 1]), (-5.0, [0, 0]), (0.0, [20, 10])):
        query = torch.full((1, 1), direction)
        weights = alignments.local_p(flat, keep, query, window=4, w_p=w_p, v_p=v_p)
        assert weights.argmax(dim=-1).flatten().tolist() == expected


def test_the_best_position_is_chosen_without_chance_and_samples_follow_the_softmax():
    values, keep = normal(1, 1, 5).float(), torch.tensor([[[True, True, False, True, True]]])
    chosen = alignments.hard(values, keep)
    assert torch.equal(chosen, alignments.hard(values, keep))
    assert chosen.argmax().item() == values.masked_fill(~keep, -9).argmax().item()
    torch.manual_seed(0)
    draws = alignments.hard(values.expand(20_000, 1, 5), keep, sampling=True)
    assert torch.equal(draws.unique(), torch.tensor([0.0, 1.0]))
    share = draws.mean(dim=0, keepdim=True)
    torch.testing.assert_close(share, alignments.global_softmax(values, keep), atol=0.015, rtol=0)


def test_a_seed_repeats_the_draws_of_the_hard_alignment():
    values, keep = torch.zeros(3, 2, 50), torch.ones(1, 1, 50, dtype=torch.bool)
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(alignments.hard(values, keep, sampling=True))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_the_gradient_of_a_draw_is_that_of_the_softmax_it_was_drawn_from():
    values, keep = normal(BATCH, Q, TIME).requires_grad_(), some_padding()
    aim = normal(BATCH, Q, TIME, seed=9)
    torch.manual_seed(4)
    weights = alignments.hard(values, keep, sampling=True)
    (straight,) = torch.autograd.grad((weights * aim).sum(), values)
    torch.manual_seed(4)
    noise = -torch.empty(values.shape, dtype=torch.float32).exponential_().log()
    (soft,) = torch.autograd.grad((alignments.global_softmax(values + noise, keep) * aim).sum(), values)
    torch.testing.assert_close(straight, soft)


@pytest.mark.parametrize("name", [name for name in ALIGNMENTS if name != "hard"])
@pytest.mark.parametrize("score", list(SCORES))
def test_the_gradient_of_score_and_alignment_is_that_of_finite_differences(score, name):
    width = 3 if score in SAME_WIDTH else 4
    row, keep = ALIGNMENTS[name], some_padding(2, 5)
    of_score = parameters(SCORES[score], key=3, query=width, hidden=2, max_length=5)
    of_alignment = parameters(row, key=3, query=width, hidden=2)

    def weights(query, keys, *learned):
        found = scored(score, query, keys, **dict(zip(of_score, learned[: len(of_score)], strict=True)))
        known = {"scores": found, "keep": keep, "query": query, "window": 2}
        rest = dict(zip(of_alignment, learned[len(of_score) :], strict=True))
        return row.compute(**{name: known[name] for name in row.inputs & known.keys()}, **rest)

    inputs = (normal(2, 1, width), normal(2, 5, 3, seed=1), *of_score.values(), *of_alignment.values())
    assert torch.autograd.gradcheck(weights, [value.requires_grad_() for value in inputs])


@pytest.mark.parametrize("name", list(ALIGNMENTS))
def test_no_gradient_reaches_the_score_of_padding(name):
    values, keep = normal(BATCH, Q, TIME).requires_grad_(), some_padding()
    (gradient,) = torch.autograd.grad((aligned(name, values, keep, sampling=True) ** 2).sum(), values)
    padding = ~keep.expand_as(gradient)
    assert (gradient[padding] == 0).all()
    assert (gradient[~padding] != 0).any()


@pytest.mark.parametrize("name", list(ALIGNMENTS))
def test_heads_are_batch_axes(name):
    values, keep = normal(BATCH, 4, Q, TIME), some_padding().unsqueeze(1)
    together = aligned(name, values, keep)
    for head in range(4):
        torch.testing.assert_close(together[:, head], aligned(name, values[:, head], keep[:, 0]))


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
    assert torch.autograd.gradcheck(lambda w, v: CONTEXTS[name].compute(w, v, keep), (weights, values))


# Pooling


def choices():
    """Every score, alignment and context that may stand together."""
    for score, alignment, context in itertools.product(SCORES, ALIGNMENTS, CONTEXTS):
        try:
            yield AttentionConfig(score=score, alignment=alignment, context=context, window=WINDOW)
        except ConfigError:
            continue


def named(config):
    return f"{config.score}, {config.alignment}, {config.context}"


@pytest.mark.parametrize("config", list(choices()), ids=named)
def test_pooling_returns_the_weights_that_made_its_context(config):
    torch.manual_seed(0)
    pooling = Pooling(config, DIM, LONGEST).eval()
    hidden, keep = normal(BATCH, TIME, DIM, dtype=torch.float32), some_padding().squeeze(1)
    pooled, weights, _ = pooling(hidden, keep)
    assert pooled.shape == (BATCH, pooling.out_dim)
    assert weights.shape == (BATCH, TIME)
    assert (weights[~keep] == 0).all()
    mean = np.einsum("bt,btd->bd", weights.detach().numpy(), hidden.numpy())
    np.testing.assert_allclose(pooled[:, :DIM].detach().numpy(), mean, atol=1e-6)
    if config.context == "soft+max":
        peak = [hidden[text][keep[text]].max(dim=0).values.tolist() for text in range(BATCH)]
        np.testing.assert_allclose(pooled[:, DIM:].detach().numpy(), peak)


@pytest.mark.parametrize("config", list(choices()), ids=named)
def test_every_parameter_of_every_combination_learns(config):
    torch.manual_seed(0)
    pooling = Pooling(config, DIM, TIME)
    pooled, *_ = pooling(normal(8, TIME, DIM, dtype=torch.float32), some_padding().squeeze(1)[:1].expand(8, -1))
    (pooled * normal(8, pooling.out_dim, seed=1, dtype=torch.float32)).sum().backward()
    for name, parameter in pooling.named_parameters():
        assert parameter.grad is not None, name
        assert (parameter.grad != 0).any(), name


def test_temporal_pooling_does_not_look_at_a_query():
    torch.manual_seed(0)
    pooling, hidden = Pooling(AttentionConfig(), DIM, LONGEST), normal(BATCH, TIME, DIM, dtype=torch.float32)
    assert pooling.query is None
    weights = pooling(hidden, torch.ones(BATCH, TIME, dtype=torch.bool))[1]
    swapped = hidden[:, [1, 0, *range(2, TIME)]]
    again = pooling(swapped, torch.ones(BATCH, TIME, dtype=torch.bool))[1]
    torch.testing.assert_close(again[:, [1, 0, *range(2, TIME)]], weights)


def test_the_hard_alignment_samples_in_training_and_takes_the_best_in_use():
    torch.manual_seed(0)
    pooling = Pooling(AttentionConfig(alignment="hard", context="hard"), DIM, LONGEST)
    hidden, keep = normal(1, TIME, DIM, dtype=torch.float32), torch.ones(1, TIME, dtype=torch.bool)
    drawn = {int(pooling(hidden, keep)[1].argmax()) for _ in range(50)}
    assert len(drawn) > 2
    pooling.eval()
    chosen = {int(pooling(hidden, keep)[1].argmax()) for _ in range(50)}
    assert chosen == {int(pooling.score(keys=hidden, query=None).argmax())}
    torch.testing.assert_close(pooling(hidden, keep)[0], hidden[:, chosen.pop()])


def test_parameters_begin_as_their_axes_ask():
    names = {"w": "key", "u": "hidden query", "b": "", "b_t": "max_length"}
    step = Step(dataclasses.replace(SCORES["dot"], parameters=names), sizes())
    shapes = {name: tuple(value.shape) for name, value in step.named_parameters()}
    assert shapes == {"w": (DIM,), "u": (HIDDEN, QUERY_DIM), "b": (), "b_t": (LONGEST,)}
    assert {name for name, value in step.named_parameters() if (value == 0).all()} == {"b", "b_t"}


def test_a_new_weight_is_spread_as_glorot_asks():
    torch.manual_seed(0)
    matrix = weight(300, 200)
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
