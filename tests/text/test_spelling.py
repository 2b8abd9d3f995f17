"""Words as the hashes of their n-grams, and unknown words numbered from corpus to batch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.text.spelling import SLOTS, in_batch, slots, spellings
from attnclf.text.tokenizer import UNKNOWN_ID, Tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    said = ["the parcel is late", "the parcel is here", "поезд опоздал", "поезд опоздал"]
    return Tokenizer.learn(said, unit="word", vocabulary=99, min_frequency=2, lowercase=True, max_length=9)


def test_a_single_character_has_no_ngrams():
    assert slots("a") == slots("好") == slots("") == ()


def test_the_ngrams_of_a_short_word_are_counted_by_hand():
    # <ab>: <a ab b> <ab ab> <ab>
    assert len(slots("ab")) == 6


@given(st.text(min_size=2, max_size=40))
@settings(deadline=None)
def test_every_slot_is_in_range_and_occurs_once(word):
    found = slots(word)
    assert len(set(found)) == len(found)
    assert all(1 <= slot <= SLOTS for slot in found)


def test_words_with_one_stem_share_ngrams_and_an_ending_is_not_a_middle():
    assert len(set(slots("refunded")) & set(slots("refunding"))) > len(set(slots("refunded")) & set(slots("parcel")))
    assert set(slots("walking")) & set(slots("talking"))
    assert not set(slots("ng")) & set(slots("xngx")) - set(slots("xng")) - set(slots("ngx"))


def test_a_huge_word_has_few_ngrams():
    assert len(slots("ab" * 500_000)) < 120


def test_spellings_of_no_words_are_one_empty_row():
    assert spellings([]).tolist() == [[0]]
    assert spellings(["", "ab"]).shape == (2, 6)
    assert not spellings(["", "ab"])[0].any()


def test_unknown_words_are_numbered_from_the_size_of_the_vocabulary_each_once(tokenizer):
    unknown = {}
    first, second = tokenizer.encode_spelled(["the Strange parcel", "strange поездом strange"], unknown)
    assert list(unknown) == ["strange", "поездом"]
    size = tokenizer.size
    assert first.tolist()[1] == size
    assert second.tolist() == [size, size + 1, size]
    assert [first.tolist()[0], first.tolist()[2]] == tokenizer.encode(["the parcel"])[0].tolist()


@given(st.lists(st.text(max_size=30), max_size=5))
@settings(deadline=None, max_examples=50)
def test_spelling_changes_the_unknown_ids_and_no_others(tokenizer, texts):
    unknown = {}
    for plain, spelled in zip(tokenizer.encode(texts), tokenizer.encode_spelled(texts, unknown), strict=True):
        assert np.array_equal(np.where(spelled >= tokenizer.size, UNKNOWN_ID, spelled), plain)
    assert sorted(unknown.values()) == list(range(len(unknown)))


@given(st.lists(st.lists(st.integers(0, 12), min_size=3, max_size=3), min_size=1, max_size=4))
def test_a_batch_keeps_the_spelling_of_each_of_its_words(rows):
    words = ["walked", "talked", "parcel", "late"]  # ids 9 to 12
    ids = np.array(rows, dtype=np.int64)
    local, spelled = in_batch(ids, 9, words)
    assert np.array_equal(local < 9, ids < 9)
    assert np.array_equal(local[ids < 9], ids[ids < 9])
    for old, new in zip(ids[ids >= 9], local[ids >= 9], strict=True):
        assert set(spelled[new - 9].tolist()) - {0} == set(slots(words[old - 9]))
    assert len(spelled) == max(1, len(np.unique(ids[ids >= 9])))
