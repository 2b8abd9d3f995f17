"""Kendall's tau-b: orders worked out by hand, and SciPy's."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from attnclf.explain.metrics.agreement import kendall


def tau(one, other):
    return kendall(np.array(one, dtype=np.float32), np.array(other, dtype=np.float64))


def test_the_same_order_is_one_and_the_reverse_minus_one():
    assert tau([1, 2, 3, 4], [10, 20, 30, 99]) == 1
    assert tau([1, 2, 3, 4], [9, 7, 5, 3]) == -1


def test_one_swapped_pair_of_six_costs_two_of_six():
    assert tau([1, 2, 3, 4], [2, 1, 3, 4]) == pytest.approx(4 / 6)


def test_a_pair_that_is_equal_in_one_ranking_counts_neither_for_nor_against():
    # Pairs: 1-2 equal on the left, the other two agree; 2 / √(2 · 3).
    assert tau([1, 1, 2], [1, 2, 3]) == pytest.approx(2 / math.sqrt(6))


@pytest.mark.parametrize(("one", "other"), [([], []), ([1], [2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [0, 0, 0])])
def test_without_two_different_weights_there_is_nothing_to_agree_about(one, other):
    assert tau(one, other) is None


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=30))
@settings(deadline=None)
def test_tau_is_that_of_scipy_also_where_weights_are_equal(pairs):
    one, other = zip(*pairs, strict=True)
    theirs = kendalltau(one, other).statistic if len(set(one)) > 1 and len(set(other)) > 1 else None
    assert tau(one, other) == (theirs if theirs is None else pytest.approx(theirs))
