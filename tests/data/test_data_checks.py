"""Data that cannot be learned from, and data whose score misleads."""

from dataclasses import replace

import numpy as np
import pytest

from attnclf.data.checks import refuse_foreign, refuse_unlearnable, warnings
from attnclf.data.corpus import Corpus
from attnclf.data.labels import LabelSet
from attnclf.errors import DataError


def corpus(rows, multi_label=False):
    texts = [text for text, _ in rows]
    lists = [(names,) if isinstance(names, str) else tuple(names) for _, names in rows]
    places = [f"line {number}" for number in range(2, len(rows) + 2)]
    return Corpus(
        texts=texts, label_lists=lists, weights=None, locations=places, multi_label=multi_label, bad=(), description=""
    )


def refuse(data):
    refuse_unlearnable(data, LabelSet.from_lists(data.label_lists, multi_label=data.multi_label))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no rows to learn from"),
        (
            [(f"text {n}", "spam") for n in range(50)],
            "one class only: every row has the label 'spam', .* another class",
        ),
        ([(f"text {n}", ()) for n in range(50)], "one class only: every row has no label"),
        ([("a", "x"), ("b", "y")], "2 rows are too few to learn from; add rows: 10 is the minimum"),
        ([(f"text {n}", f"label {n}") for n in range(12)], "each of the 12 labels has one row only"),
    ],
)
def test_what_cannot_be_learned_is_refused_with_a_reason(rows, words):
    with pytest.raises(DataError, match=words):
        refuse(corpus(rows))


def test_rows_of_which_none_counts_cannot_be_learned_from():
    rows = corpus([(f"text {n}", "ab"[n % 2]) for n in range(10)])
    with pytest.raises(DataError, match="no row counts: every weight is 0; name another column with --weight-column"):
        refuse(replace(rows, weights=np.zeros(10, np.float32)))
    refuse(replace(rows, weights=np.arange(10, dtype=np.float32)))


def test_rows_of_other_labels_are_named_and_refused():
    rows = corpus([("one", "a|b"), ("two", "c")])
    with pytest.raises(DataError, match=r"no row has a label of this model \(they have a\|b: 1, c: 1\); .*--label-sep"):
        refuse_foreign(rows, ["a", "b"], "this model")
    refuse_foreign(rows, ["a", "c"], "this model")


def test_ten_rows_of_two_labels_can_be_learned():
    refuse(corpus([(f"text {n}", "ab"[n % 2]) for n in range(10)]))


def test_one_label_that_some_rows_have_and_some_have_not_can_be_learned():
    refuse(corpus([(f"text {n}", ["toxic"] * (n % 2)) for n in range(10)], multi_label=True))


TRAIN = [(f"{name} {number}", name) for name in ("a", "b") for number in range(6)]


def said(train, valid=None, test=None):
    labels = LabelSet.from_lists(corpus(train).label_lists, multi_label=False)
    return warnings(corpus(train), valid and corpus(valid), test and corpus(test), labels)


def test_clean_data_gives_no_warning():
    assert said(TRAIN, [("a valid", "a")], [("a test", "a"), ("b test", "b")]) == []


def test_labels_that_training_never_saw_are_counted():
    assert said(TRAIN, None, [("1", "c"), ("2", "c"), ("3", "d"), ("4", "a")]) == [
        "3 rows of the test data have labels that the training data does not (c: 2, d: 1): they count as wrong"
    ]
    assert "1 row of the validation data has labels" in said(TRAIN, [("1", "c")])[0]


def test_labels_that_a_split_lacks_are_named_where_it_could_have_them():
    three = [*TRAIN, *((f"c {n}", "c") for n in range(6))]
    valid = [(f"new {n}", "a") for n in range(5)]
    assert said(three, valid, [(f"x {n}", "ab"[n % 2]) for n in range(5)]) == [
        "the validation data has no row of 2 of the 3 labels (b, c): "
        "the validation score does not tell how well they are learned",
        "the test data has no row of 1 of the 3 labels (c): the test score does not tell how well it is learned",
    ]
    assert said(three, valid[:4]) == []


def test_labels_with_few_rows_are_listed():
    assert said([*TRAIN, ("1", "c"), ("2", "d"), ("3", "d")]) == [
        "2 labels with fewer than 5 training rows (c: 1, d: 2): expect little of them"
    ]


def test_texts_in_two_splits_are_counted():
    assert said(TRAIN, [("a 1", "a"), ("new", "a")], [("a 1", "a"), ("b 2", "b"), ("b 2", "b"), ("x", "a")]) == [
        "1 of 2 validation rows has its text in the training data too: the validation score looks better than it is",
        "3 of 4 test rows have their text in the training data too: the test score looks better than it is",
        "1 of 4 test rows has its text in the validation data too: the test score looks better than it is",
    ]


def test_a_text_with_two_answers_is_named():
    assert said([*TRAIN, ("a 2", "b"), ("a 2", "b"), ("a 2", "a")]) == [
        "1 training text comes with different labels (such as line 4 and line 14)"
    ]


def test_the_order_of_several_labels_is_no_difference():
    rows = [*[(f"text {n}", ("a", "b")) for n in range(5)], ("text 1", ("b", "a"))]
    assert said(rows) == []
