"""How far weights agree with what people marked: figures worked out by hand, and scikit-learn's curve."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import auc, precision_recall_curve

from attnclf.explain.metrics.plausibility import Hits, auprc, iou_hits, macro_f1, mean_share, runs, token_f1, top


def marks(text):
    """Marks from a line of dots and crosses."""
    return np.array([sign == "x" for sign in text])


def test_the_share_is_the_mean_over_texts_not_over_tokens():
    assert mean_share([marks("x."), marks("x...")]) == pytest.approx(0.375)


@pytest.mark.parametrize(
    ("share", "chosen"),
    [(0.0, ".x..."), (0.2, ".x..."), (0.4, ".x.x."), (0.5, ".x.x."), (0.6, "xx.x."), (1.0, "xxxxx")],
)
def test_the_heaviest_share_of_tokens_is_chosen_and_never_none(share, chosen):
    assert (top(np.array([0.1, 0.5, 0.1, 0.2, 0.1]), share) == marks(chosen)).all()


@pytest.mark.parametrize(
    ("chosen", "marked", "f1"),
    [
        ("xx..", "xx..", 1.0),
        ("xx..", "..xx", 0.0),
        ("xx..", ".xx.", 0.5),
        ("xxxx", "x...", 0.4),  # precision 1/4, recall 1
        ("x...", "xxxx", 0.4),
        ("....", "xx..", 0.0),
    ],
)
def test_token_f1_of_a_text(chosen, marked, f1):
    assert token_f1(marks(chosen), marks(marked)) == pytest.approx(f1)


def test_runs_are_the_neighbouring_tokens():
    assert runs(marks("xx.x..xxx")) == [(0, 2), (3, 4), (6, 9)]
    assert runs(marks("...")) == []


@pytest.mark.parametrize(
    ("chosen", "marked", "hits"),
    [
        ("xxxx..", "xxxx..", Hits(1, 1)),
        ("xxxx..", "xx....", Hits(1, 1)),  # 2 of 4: the threshold itself is a hit
        ("xxxxx.", "xx....", Hits(0, 0)),  # 2 of 5
        ("xx..xx", "xx....", Hits(0.5, 1)),
        ("xx....", "xx..xx", Hits(1, 0.5)),
        ("......", "xx..xx", Hits(None, 0)),
    ],
)
def test_a_span_is_right_when_half_of_the_union_is_shared(chosen, marked, hits):
    assert iou_hits(runs(marks(chosen)), runs(marks(marked))) == hits


def test_two_halves_of_a_marked_span_count_twice_as_in_the_paper_s_code():
    assert iou_hits([(0, 2), (2, 4)], [(0, 4)]) == Hits(1, 2)


def test_the_f1_of_a_file_is_that_of_mean_precision_and_mean_recall():
    # Precision (1 + 0.5) / 2 of the texts where something was chosen, recall (0.5 + 1 + 0) / 3 of all.
    assert macro_f1([Hits(1, 0.5), Hits(0.5, 1), Hits(None, 0)]) == pytest.approx(2 * 0.75 * 0.5 / 1.25)
    assert macro_f1([Hits(None, 0)]) == 0


def test_auprc_of_known_rankings():
    weights = np.array([0.4, 0.3, 0.2, 0.1])
    assert auprc(weights, marks("xx..")) == 1
    assert auprc(weights, marks("...x")) == pytest.approx(0.125)  # one step from (0, 0) to (1, 1/4)
    assert auprc(np.full(4, 0.25), marks("x.x.")) == pytest.approx(0.75)  # one step from (0, 1) to (1, 1/2)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1).filter(lambda tokens: any(m for _, m in tokens))
)
def test_auprc_agrees_with_scikit_learn_also_where_weights_are_equal(tokens):
    weights, marked = np.array([w for w, _ in tokens], dtype=float), np.array([m for _, m in tokens])
    precision, recall, _ = precision_recall_curve(marked, weights)
    assert auprc(weights, marked) == pytest.approx(auc(recall, precision))
