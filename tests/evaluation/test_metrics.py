import json
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss, precision_recall_fscore_support

from attnclf.errors import DataError
from attnclf.evaluation import metrics
from attnclf.evaluation.calibration import calibrate, uncalibrated
from attnclf.evaluation.thresholds import FEWEST, best_threshold, labels_above, tune_thresholds

NAMES = ("cat", "dog", "emu", "fox", "gnu")
few = settings(deadline=None, max_examples=60)


@st.composite
def single_cases(draw, unknown=False):
    rows, labels = draw(st.integers(1, 30)), draw(st.integers(2, 5))
    true = draw(hnp.arrays(np.int64, rows, elements=st.integers(-1 if unknown else 0, labels - 1)))
    logits = draw(hnp.arrays(np.float64, (rows, labels), elements=st.floats(-6, 6)))
    odds = np.exp(logits)
    return true, (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32), NAMES[:labels]


@st.composite
def multi_cases(draw):
    shape = draw(st.integers(1, 30)), draw(st.integers(1, 5))
    true = draw(hnp.arrays(np.int64, shape, elements=st.integers(0, 1)))
    probabilities = draw(hnp.arrays(np.float32, shape, elements=st.floats(0, 1, width=32)))
    return true, probabilities, NAMES[: shape[1]]


@few
@given(single_cases())
def test_single_label_figures_agree_with_scikit_learn(case):
    true, probabilities, names = case
    ours, predicted, numbers = metrics.single(*case), probabilities.argmax(axis=1), list(range(len(names)))
    assert ours.accuracy == pytest.approx(accuracy_score(true, predicted))
    assert ours.macro_f1 == pytest.approx(f1_score(true, predicted, average="macro", zero_division=0))
    assert ours.micro_f1 == pytest.approx(f1_score(true, predicted, average="micro", zero_division=0))
    assert ours.confusion.tolist() == confusion_matrix(true, predicted, labels=numbers).tolist()
    exact = probabilities.astype(float)
    exact /= exact.sum(axis=1, keepdims=True)
    assert ours.log_loss == pytest.approx(log_loss(true, exact, labels=numbers), rel=1e-3, abs=1e-6)
    _same_labels(ours, precision_recall_fscore_support(true, predicted, labels=numbers, zero_division=0))


@few
@given(multi_cases(), st.floats(0, 1))
def test_multi_label_figures_agree_with_scikit_learn(case, threshold):
    true, probabilities, names = case
    said = labels_above(probabilities, np.full(len(names), threshold))
    ours, predicted = metrics.multi(*case, said), said.astype(int)
    occurring = [label for label in range(len(names)) if true[:, label].any() or predicted[:, label].any()]
    alike = (true == predicted).all(axis=1).mean()
    assert ours.accuracy == pytest.approx(alike)
    assert ours.micro_f1 == pytest.approx(_f1(true, predicted, range(len(names)), "micro"))
    assert ours.macro_f1 == pytest.approx(_f1(true, predicted, occurring, "macro") if occurring else 0)
    assert ours.confusion is None
    columns = (
        precision_recall_fscore_support(true[:, k], predicted[:, k], zero_division=0, labels=[1])
        for k in range(len(names))
    )
    _same_labels(ours, np.concatenate([np.stack(column) for column in columns], axis=1))


@few
@given(single_cases(unknown=True))
def test_rows_with_an_unknown_label_count_as_wrong(case):
    true, probabilities, _ = case
    ours, predicted = metrics.single(*case), probabilities.argmax(axis=1)
    known = true >= 0
    assert ours.rows == len(true)
    assert ours.unknown == (~known).sum()
    assert ours.accuracy == ours.micro_f1 == pytest.approx(accuracy_score(true, predicted))
    assert ours.confusion.sum() == known.sum()
    assert sum(label.predicted for label in ours.per_label) == len(true)
    assert (ours.log_loss is None) == (not known.any())


def test_a_label_nobody_has_and_nobody_was_given_is_left_out_of_the_macro_average():
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]], np.float32)
    assert metrics.single(np.array([0, 1]), probabilities, NAMES[:3]).macro_f1 == 1.0


def test_certainty_itself_scores_a_finite_loss():
    probabilities = np.array([[1.0, 0.0]], np.float32)
    assert math.isfinite(metrics.single(np.array([1]), probabilities, NAMES[:2]).log_loss)


def test_no_rows_are_refused_with_a_remedy():
    with pytest.raises(DataError, match="no rows to score; pass data"):
        metrics.single(np.zeros(0, np.int64), np.zeros((0, 2), np.float32), NAMES[:2])
    with pytest.raises(DataError, match="no rows to score; pass data"):
        metrics.multi(np.zeros((0, 2), np.int64), np.zeros((0, 2), np.float32), NAMES[:2], np.zeros((0, 2), bool))


def test_the_json_form_has_the_documented_fields():
    said = metrics.single(np.array([0, -1]), np.array([[0.9, 0.1], [0.3, 0.7]], np.float32), NAMES[:2]).to_dict()
    assert {"rows", "accuracy", "macro_f1", "micro_f1", "per_label", "confusion", "ece"} <= said.keys()
    assert said["per_label"]["cat"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1, "predicted": 1}
    assert said["confusion"] == [[1, 0], [0, 0]]


# Calibration


def test_the_calibration_error_of_a_worked_example():
    # 4 decisions at 0.9 of which 2 are true, 4 at 0.3 of which 1 is true: (4 · 0.4 + 4 · 0.05) / 8
    stated = np.array([0.9] * 4 + [0.3] * 4)
    happened = np.array([True, True, False, False, True, False, False, False])
    assert calibrate(stated, happened).ece == pytest.approx(0.225)


@few
@given(st.integers(1, 60), st.floats(0.001, 0.999))
def test_the_calibration_error_by_chance_is_the_mean_over_all_outcomes_of_a_model_that_is_right(rows, share):
    chances = [math.comb(rows, true) * share**true * (1 - share) ** (rows - true) for true in range(rows + 1)]
    outcomes = [calibrate(np.full(rows, share), np.arange(rows) < true) for true in range(rows + 1)]
    expected = np.dot(chances, [outcome.ece for outcome in outcomes])
    assert outcomes[0].by_chance == pytest.approx(expected, abs=1e-9)


@few
@given(single_cases())
def test_the_calibration_error_agrees_with_a_loop_over_bins(case):
    true, probabilities, _ = case
    stated, right = probabilities.max(axis=1).astype(float), probabilities.argmax(axis=1) == true
    error = 0.0
    for bin_ in range(15):
        inside = (stated > bin_ / 15) & (stated <= (bin_ + 1) / 15)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - stated[inside].mean())
    assert metrics.single(*case).ece == pytest.approx(error, abs=1e-9)


def test_a_probability_on_the_edge_of_two_bins_belongs_to_the_lower():
    assert calibrate(np.array([0.5, 0.75]), np.array([True, True]), bins=4).count.tolist() == [0, 1, 1, 0]


def test_every_decision_falls_into_a_bin_even_at_the_ends():
    assert calibrate(np.array([0.0, 1.0, 1.0000001]), np.array([False, True, True])).count.sum() == 3


# Thresholds


@few
@given(multi_cases(), st.floats(0.001, 1))
def test_no_other_shared_threshold_has_a_better_micro_f1(case, other):
    true, probabilities, names = case
    best = metrics.multi(
        *case, labels_above(probabilities, np.full(len(names), best_threshold(true, probabilities)))
    ).micro_f1
    assert best >= metrics.multi(*case, labels_above(probabilities, np.full(len(names), other))).micro_f1 - 1e-12


def test_the_tuned_threshold_is_one_half_when_that_is_as_good_as_any():
    assert best_threshold(np.array([[1, 0], [0, 1]]), np.array([[0.9, 0.2], [0.1, 0.7]], np.float32)) == 0.5


def test_the_tuned_threshold_lies_in_the_middle_of_the_gap_that_separates_best():
    true, probabilities = np.array([[1], [1], [0]]), np.array([[0.4], [0.3], [0.1]], np.float32)
    assert best_threshold(true, probabilities) == pytest.approx(0.2)


def test_without_any_true_label_the_threshold_stays_at_one_half():
    assert best_threshold(np.zeros((2, 3), int), np.full((2, 3), 0.3, np.float32)) == 0.5


# Comparing two models


def test_a_difference_of_a_few_rows_is_not_certain_and_one_of_many_rows_is():
    true = np.zeros(1000, np.int64)

    def wrong_on(rows):
        probabilities = np.tile(np.array([0.9, 0.1], np.float32), (1000, 1))
        probabilities[rows] = probabilities[rows][:, ::-1]
        return metrics.single(true, probabilities, NAMES[:2])

    assert not metrics.certain(wrong_on(slice(0, 100)), wrong_on(slice(5, 107)))
    assert not metrics.certain(wrong_on(slice(0, 100)), wrong_on(slice(50, 160)))
    assert metrics.certain(wrong_on(slice(0, 100)), wrong_on(slice(0, 140)))


@few
@given(multi_cases(), st.floats(0.1, 0.9))
def test_what_rows_pull_up_others_pull_down(case, threshold):
    pull = metrics.multi(*case, case[1] >= threshold).pull
    assert pull.shape == (len(case[0]),)
    assert pull.sum() == pytest.approx(0, abs=1e-9)


def _f1(true, predicted, labels, average):
    if len(true[0]) == 1:  # scikit-learn takes one column for a binary problem
        return f1_score(true[:, 0], predicted[:, 0], zero_division=0)
    return f1_score(true, predicted, labels=list(labels), average=average, zero_division=0)


def _same_labels(ours, theirs):
    for label, precision, recall, f1, support in zip(ours.per_label, *theirs, strict=True):
        assert (label.precision, label.recall, label.f1) == pytest.approx((precision, recall, f1))
        assert label.support == support


@pytest.mark.parametrize(("rows", "threshold"), [(FEWEST - 1, 0.5), (FEWEST, 0.2)])
def test_a_threshold_is_tuned_only_where_there_are_rows_enough(rows, threshold):
    true = np.zeros((rows, 1), int)
    true[0] = 1
    probabilities = np.where(true, 0.3, 0.1).astype(np.float32)
    assert tune_thresholds(true, probabilities) == pytest.approx([threshold])


def test_a_label_with_many_rows_has_its_own_threshold_and_one_with_few_nearly_that_of_all():
    rows = np.arange(2000)
    often, rare = (rows % 2 == 0), rows == 0
    probabilities = np.column_stack([np.where(often, 0.9, 0.7), np.where(rare, 0.2, 0.1)]).astype(np.float32)
    true = np.column_stack([often, rare]).astype(int)
    first, second = tune_thresholds(true, probabilities)
    assert 0.7 < first < 0.9
    assert abs(second - best_threshold(true, probabilities)) < abs(second - 0.15)


@few
@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(2, 5)), elements=st.floats(-5, 5)),
    st.floats(0.3, 3),
    st.booleans(),
)
@example(np.array([[-5.0, 4.0]]), 0.3125, False)
def test_what_was_said_before_the_temperature_can_be_had_back(logits, temperature, multi_label):
    def stated(values):
        odds = np.exp(values)
        return odds / (1 + odds) if multi_label else odds / odds.sum(axis=1, keepdims=True)

    before = uncalibrated(stated(logits / temperature), temperature, multi_label=multi_label)
    np.testing.assert_allclose(before, stated(logits), atol=1e-6)


def test_of_many_labels_the_json_form_has_the_confusions_that_occur():
    labels = metrics.MATRIX + 1
    names = [f"label{number}" for number in range(labels)]
    true, predicted = np.array([0, 0, 1, 256]), np.array([0, 5, 5, 256])
    scored = metrics.single(true, np.eye(labels, dtype=np.float32)[predicted], names)
    said = scored.to_dict()
    assert said["confusion"] is None
    assert said["confusions"] == [[0, 0, 1], [0, 5, 1], [1, 5, 1], [256, 256, 1]]
    assert scored.confusion.sum() == 4
    few = metrics.single(true[:3], np.eye(labels - 1, dtype=np.float32)[predicted[:3]], names[:-1]).to_dict()
    assert few["confusions"] is None
    assert few["confusion"][0][5] == 1


def test_scoring_thousands_of_labels_takes_no_memory_for_pairs_that_do_not_occur():
    labels, rows = 4000, 500
    drawn = np.random.default_rng(0)
    probabilities = drawn.random((rows, labels), dtype=np.float32)
    true, names = drawn.integers(0, labels, rows), list(map(str, range(labels)))
    tracemalloc.start()
    try:
        text = json.dumps(metrics.single(true, probabilities, names).to_dict())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 20e6  # a matrix would be 128 MB
    assert len(text) < 1e6
