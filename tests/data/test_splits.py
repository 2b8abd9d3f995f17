"""Training and validation rows."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.data.duplicates import groups
from attnclf.data.splits import repair, stratified
from attnclf.errors import ConfigError

FRACTIONS = st.floats(0.01, 0.99)
TEXTS = st.integers(0, 30).map("text {}".format)


@st.composite
def single(draw):
    """Rows of some dozens of texts, each text with one label wherever it stands."""
    label_of = draw(st.dictionaries(TEXTS, st.integers(0, 6), min_size=1))
    texts = draw(st.lists(st.sampled_from(sorted(label_of)), min_size=1, max_size=60))
    return np.array([label_of[text] for text in texts]), texts


@st.composite
def contradictory(draw):
    rows = draw(st.lists(st.tuples(TEXTS, st.integers(0, 6)), min_size=1, max_size=60))
    return np.array([label for _, label in rows]), [text for text, _ in rows]


@st.composite
def several(draw):
    width = draw(st.integers(1, 6))
    rows = draw(st.lists(st.tuples(TEXTS, st.lists(st.integers(0, 1), min_size=width, max_size=width)), min_size=1))
    return np.array([marks for _, marks in rows], dtype=np.float32), [text for text, _ in rows]


ANY = st.one_of(single(), contradictory(), several())
SEEDS = st.integers(0, 2**32)


@settings(deadline=None)
@given(ANY, FRACTIONS, SEEDS)
def test_every_row_is_on_one_side_in_order(case, fraction, seed):
    train, valid = stratified(*case, fraction=fraction, seed=seed)
    assert sorted([*train, *valid]) == list(range(len(case[1])))
    assert list(train) == sorted(train)
    assert list(valid) == sorted(valid)


@settings(deadline=None)
@given(ANY, FRACTIONS, SEEDS)
def test_equal_texts_are_on_one_side(case, fraction, seed):
    train, valid = stratified(*case, fraction=fraction, seed=seed)
    texts = case[1]
    assert {texts[row] for row in train}.isdisjoint({texts[row] for row in valid})


@settings(deadline=None)
@given(ANY, FRACTIONS, SEEDS)
def test_a_seed_gives_one_split(case, fraction, seed):
    first = stratified(*case, fraction=fraction, seed=seed)
    again = stratified(*case, fraction=fraction, seed=seed)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


@settings(deadline=None)
@given(single(), FRACTIONS, SEEDS)
def test_a_label_with_two_texts_is_on_both_sides_and_one_with_one_is_in_training(case, fraction, seed):
    labels, texts = case
    train, valid = stratified(labels, texts, fraction=fraction, seed=seed)
    for label in set(labels.tolist()):
        distinct = {text for text, other in zip(texts, labels, strict=True) if other == label}
        assert label in labels[train]
        assert (label in labels[valid]) == (len(distinct) >= 2)


@settings(deadline=None, max_examples=300)
@given(st.one_of(several(), contradictory()), FRACTIONS, SEEDS)
def test_no_label_is_missing_in_training_however_labels_are_tied_together(case, fraction, seed):
    labels, texts = case
    train, _ = stratified(labels, texts, fraction=fraction, seed=seed)
    if labels.ndim == 1:
        assert set(labels[train].tolist()) == set(labels.tolist())
    else:
        assert (labels[train].any(axis=0) == labels.any(axis=0)).all()


@settings(deadline=None, max_examples=300)
@given(several(), FRACTIONS, SEEDS)
def test_a_label_missing_in_validation_could_not_be_there_without_another_leaving_training(case, fraction, seed):
    labels, texts = case
    train, valid = stratified(labels, texts, fraction=fraction, seed=seed)
    group = groups(texts)
    with_none = np.column_stack([labels, ~labels.any(axis=1)]) > 0
    marks = np.array([with_none[group == number].any(axis=0) for number in range(group.max() + 1)])
    in_train = np.unique(group[train])
    for label in np.flatnonzero(marks.sum(axis=0) >= 2):
        if not marks[np.unique(group[valid])][:, label].any():
            for text in in_train[marks[in_train, label]]:
                rest = marks[in_train[in_train != text]]
                assert (marks[text] & ~rest.any(axis=0)).any()


@pytest.mark.parametrize("fraction", [0.1, 0.25])
def test_each_label_gives_its_share_to_validation(fraction):
    random = np.random.default_rng(0)
    texts = [f"text {number}" for number in range(2000)]
    labels = random.choice(5, size=2000, p=[0.5, 0.3, 0.15, 0.04, 0.01])
    _, valid = stratified(labels, texts, fraction=fraction, seed=0)
    share = np.bincount(labels[valid], minlength=5) / np.bincount(labels)
    assert np.allclose(share, fraction, atol=0.05)

    marks = (random.random((2000, 6)) < [0.5, 0.3, 0.2, 0.1, 0.05, 0.02]).astype(np.float32)
    _, valid = stratified(marks, texts, fraction=fraction, seed=0)
    assert np.allclose(marks[valid].sum(axis=0) / marks.sum(axis=0), fraction, atol=0.05)
    crowded = marks.sum(axis=1) > 1
    assert crowded[valid].sum() / crowded.sum() == pytest.approx(fraction, abs=0.05)
    assert len(valid) / 2000 == pytest.approx(fraction, abs=0.03)


def test_which_text_of_a_rare_label_is_held_out_is_left_to_the_seed():
    labels, texts = np.array([0] * 20 + [1, 1]), [f"text {number}" for number in range(22)]
    held = {row for seed in range(20) for row in stratified(labels, texts, fraction=0.1, seed=seed)[1] if row >= 20}
    assert held == {20, 21}


def test_labels_that_share_a_text_are_brought_back_to_training_together():
    held = np.array([True, True, False])
    repair(held, owner=np.array([0, 0, 1, 2]), label=np.array([0, 1, 2, 3]))
    assert held.tolist() == [False, False, False]


def test_another_seed_gives_another_split():
    labels, texts = np.arange(100) % 2, [f"text {number}" for number in range(100)]
    assert list(stratified(labels, texts, fraction=0.2, seed=0)[1]) != list(
        stratified(labels, texts, fraction=0.2, seed=1)[1]
    )


def test_another_process_gives_the_same_split():
    code = (
        "import numpy as np; from attnclf.data.splits import stratified; "
        "texts = [f'text {n // 2}' for n in range(60)]; "
        "print(stratified(np.arange(60) // 2 % 3, texts, fraction=0.3, seed=5)[1].tolist())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": salt, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, text=True, check=True,
        ).stdout
        for salt in ("1", "2")
    }  # fmt: skip
    assert len(outputs) == 1


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 7])
def test_a_share_that_leaves_a_side_empty_is_refused(fraction):
    with pytest.raises(ConfigError, match="set it between 0 and 1"):
        stratified(np.array([0, 1]), ["a", "b"], fraction=fraction, seed=0)
