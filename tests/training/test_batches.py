"""Rows at rest without padding, and the batches they travel in."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.data.batches import POOL, in_order, shuffled, sorted_by_length
from attnclf.text.char_ngrams import ngram_slots
from attnclf.text.ragged import Ragged
from attnclf.training.examples import Examples

ROWS = st.lists(st.lists(st.integers(1, 99), max_size=12), min_size=1, max_size=30)
LENGTHS = st.lists(st.integers(1, 40), max_size=200).map(lambda drawn: np.array(drawn, dtype=np.int64))


def packed(rows, vocabulary=100):
    return Ragged.of([np.array(row, dtype=np.int64) for row in rows]).filled(np.array([1])).packed(vocabulary)


def filled(rows):
    return [row or [1] for row in rows]


# Ragged


@settings(deadline=None, max_examples=40)
@given(rows=ROWS, data=st.data())
def test_padded_rows_are_the_rows_that_were_packed(rows, data):
    tokens = packed(rows)
    assert len(tokens) == len(rows)
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1))
    ids, lengths = tokens.padded(np.array(chosen))
    expected = [filled(rows)[row] for row in chosen]
    assert lengths.tolist() == [len(row) for row in expected]
    width = max(map(len, expected))
    assert ids.tolist() == [row + [0] * (width - len(row)) for row in expected]
    assert ids.dtype == np.int64


@settings(deadline=None, max_examples=40)
@given(parts=st.lists(ROWS, min_size=1, max_size=4))
def test_joined_parts_are_as_if_packed_together(parts):
    joined = Ragged.join([packed(rows) for rows in parts])
    together = packed([row for rows in parts for row in rows])
    assert joined.ids.tolist() == together.ids.tolist()
    assert joined.offsets.tolist() == together.offsets.tolist()


@settings(deadline=None, max_examples=40)
@given(rows=ROWS, data=st.data())
def test_a_subset_is_as_if_its_rows_had_been_packed_alone(rows, data):
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1)))
    part, alone = packed(rows).subset(np.array(chosen, dtype=np.int64)), packed([rows[row] for row in chosen])
    assert part.ids.tolist() == alone.ids.tolist()
    assert part.offsets.tolist() == alone.offsets.tolist()
    assert part.ids.dtype == alone.ids.dtype


@pytest.mark.parametrize(("vocabulary", "size"), [(65_535, 2), (65_536, 4), (2**31 - 1, 4)])
def test_ids_take_two_bytes_while_the_vocabulary_allows_it(vocabulary, size):
    tokens = packed([[1, vocabulary - 1], []], vocabulary)
    assert tokens.ids.itemsize == size
    assert tokens.padded(np.array([0]))[0].tolist() == [[1, vocabulary - 1]]


def test_no_rows_are_packed_to_nothing():
    tokens = packed([])
    assert len(tokens) == 0
    assert tokens.lengths.tolist() == []


def test_the_network_gets_one_unknown_word_and_the_mixture_the_ngrams_of_each():
    words = ["walked", "坏", "talked"]  # ids 9 to 11
    examples = Examples(
        tokens=packed([[3, 10, 9], [], [4], [11, 9]]),
        targets=np.zeros(4, dtype=np.int64),
        weights=np.ones(4, dtype=np.float32),
        vocabulary=9,
        unknown=words,
    )
    rows = np.array([3, 0, 1])
    ids, lengths = examples.batch(rows)
    assert ids.tolist() == [[1, 1, 0], [3, 1, 1], [1, 0, 0]]
    assert lengths.tolist() == [2, 3, 1]
    ids, lengths, char_ngrams = examples.batch_with_char_ngrams(rows)
    assert ids.tolist() == [[9, 10, 0], [3, 11, 12], [1, 0, 0]], "words are numbered as they come in the batch"
    assert lengths.tolist() == [2, 3, 1]
    assert char_ngrams.tolist() == ngram_slots(["talked", "walked", "坏", "walked"]).tolist()
    ids, _, char_ngrams = examples.batch_with_char_ngrams(np.array([2, 3]))
    assert ids.tolist() == [[4, 0], [9, 10]]
    assert char_ngrams.tolist() == ngram_slots(["talked", "walked"]).tolist()


# Batches


@settings(deadline=None, max_examples=40)
@given(lengths=LENGTHS, size=st.integers(1, 9), seed=st.integers(0, 2**32))
def test_an_epoch_holds_every_row_exactly_once(lengths, size, seed):
    batches = shuffled(lengths, size, np.random.default_rng(seed))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= size for batch in batches)
    assert len(batches) == -(-len(lengths) // size)


def test_an_epoch_is_a_function_of_the_seed():
    lengths = np.random.default_rng(0).integers(1, 40, 500)
    first, again, other = (
        [batch.tolist() for batch in shuffled(lengths, 8, np.random.default_rng(seed))] for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other


def test_training_batches_hold_rows_of_similar_length_in_no_order_of_length():
    lengths = np.random.default_rng(0).integers(1, 400, 5000)
    batches = shuffled(lengths, 16, np.random.default_rng(1))
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    mixed = sum(len(rows) * lengths[rows].max() for rows in np.split(np.arange(4992), 312))
    assert padded / lengths.sum() < 1.05 < 1.5 < mixed / lengths.sum()
    means = [lengths[batch].mean() for batch in batches]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.2


def test_equal_lengths_still_meet_different_rows_in_each_epoch():
    lengths = np.full(10 * POOL, 7)
    epochs = [
        {frozenset(batch.tolist()) for batch in shuffled(lengths, 5, np.random.default_rng(seed))} for seed in (0, 1)
    ]
    assert not epochs[0] & epochs[1]


@settings(deadline=None, max_examples=40)
@given(lengths=LENGTHS, tokens=st.integers(1, 100))
def test_sorted_batches_hold_every_row_once_within_the_budget(lengths, tokens):
    batches = list(sorted_by_length(lengths, tokens))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= tokens


@settings(deadline=None, max_examples=40)
@given(lengths=LENGTHS, tokens=st.integers(1, 100))
def test_sorted_batches_rise_in_length_and_are_as_full_as_the_budget_allows(lengths, tokens):
    batches = list(sorted_by_length(lengths, tokens))
    order = [int(lengths[row]) for batch in batches for row in batch]
    assert order == sorted(order)
    for batch, following in pairwise(batches):
        assert (len(batch) + 1) * lengths[following[0]] > tokens


def test_a_row_longer_than_the_budget_goes_alone():
    batches = [batch.tolist() for batch in sorted_by_length(np.array([3, 50, 2]), 10)]
    assert batches == [[2, 0], [1]]


@settings(deadline=None)
@given(lengths=LENGTHS, tokens=st.integers(1, 200), most=st.integers(1, 20))
def test_a_batch_has_no_more_rows_than_asked_for_and_every_row_is_in_one(lengths, tokens, most):
    batches = list(sorted_by_length(lengths, tokens, most))
    assert all(len(batch) <= most for batch in batches)
    assert sorted(row for batch in batches for row in batch.tolist()) == list(range(len(lengths)))


@given(lengths=st.lists(st.integers(0, 40), max_size=60), pairs=st.integers(1, 4000), most=st.integers(1, 20))
def test_runs_in_order_hold_every_row_once_and_no_more_than_is_allowed(lengths, pairs, most):
    runs = [range(*run.indices(len(lengths))) for run in in_order(lengths, pairs, most)]
    assert [row for run in runs for row in run] == list(range(len(lengths)))
    taken = [sum(lengths[row] ** 2 for row in run) for run in runs]
    assert all(
        len(run) == 1 or (len(run) <= most and squares <= pairs) for run, squares in zip(runs, taken, strict=True)
    )
    full = [
        len(run) == most or squares + lengths[run.stop] ** 2 > pairs
        for run, squares in zip(runs[:-1], taken[:-1], strict=True)
    ]
    assert all(full)  # no run ends before it must
