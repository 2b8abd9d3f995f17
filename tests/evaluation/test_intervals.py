"""Bootstrap intervals of a mean."""

import numpy as np
import pytest

from attnclf.evaluation.intervals import Mean, bootstrapped


def test_equal_values_leave_no_doubt():
    assert bootstrapped([0.25] * 7) == Mean(0.25, 0.25, 0.25)
    assert bootstrapped([3.0]) == Mean(3.0, 3.0, 3.0)


def test_the_interval_is_that_of_the_normal_distribution_where_there_are_many_values():
    values = np.random.default_rng(5).normal(2.0, 1.0, 400)
    mean, low, high = bootstrapped(values)
    error = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    assert mean == pytest.approx(values.mean())
    assert low == pytest.approx(mean - error, abs=0.02)
    assert high == pytest.approx(mean + error, abs=0.02)


def test_nineteen_of_twenty_intervals_hold_the_truth():
    generator = np.random.default_rng(6)
    found = [bootstrapped(generator.exponential(1.0, 60)) for _ in range(200)]
    assert 0.88 <= np.mean([low <= 1.0 <= high for _, low, high in found]) <= 0.98


def test_figures_of_the_same_texts_move_together():
    values = np.random.default_rng(7).random(30)
    mean, low, high = bootstrapped(values)
    assert bootstrapped(1 - values) == pytest.approx((1 - mean, 1 - high, 1 - low))
