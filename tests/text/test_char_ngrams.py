"""Words as the hashes of their n-grams, and unknown words numbered from corpus to batch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import slot_of

from attnclf.text.char_ngrams import PREFIX, SLOTS, CharNgramHasher, in_batch, ngram_slots, padded_slots
from attnclf.text.ragged import UNKNOWN_ID
from attnclf.text.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    said = ["the parcel is late", "the parcel is here", "поезд опоздал", "поезд опоздал"]
    return Tokenizer.learn(said, unit="word", vocabulary=99, min_frequency=2, lowercase=True, max_length=9)


def slots(word):
    """The slots of a word, without the zeros after and between them."""
    (row,) = ngram_slots([word]).tolist()
    return [slot for slot in row if slot]


def test_a_single_character_has_no_ngrams():
    assert slots("a") == slots("好") == slots("") == []


def test_the_ngrams_of_a_short_word_are_those_counted_by_hand():
    assert sorted(slots("ab")) == sorted(map(slot_of, ("<a", "<ab", "<ab>", "ab", "ab>", "b>")))
    assert sorted(slots("не")) == sorted(map(slot_of, ("<н", "<не", "<не>", "не", "не>", "е>")))


@given(st.lists(st.text(max_size=40), max_size=6))
@settings(deadline=None)
def test_every_ngram_of_every_word_has_its_slot(words):
    table = ngram_slots(words)
    assert table.shape[0] == max(1, len(words))
    for word, row in zip(words, table.tolist(), strict=False):
        marked = f"<{word[:PREFIX]}>" if len(word) > 1 else ""
        grams = [marked[start : start + size] for size in (2, 3, 4, 5) for start in range(len(marked) - size + 1)]
        assert sorted(slot for slot in row if slot) == sorted(map(slot_of, grams))


def test_words_with_one_stem_share_ngrams_and_an_ending_is_not_a_middle():
    assert len(set(slots("refunded")) & set(slots("refunding"))) > len(set(slots("refunded")) & set(slots("parcel")))
    assert set(slots("walking")) & set(slots("talking"))
    assert not set(slots("ng")) & set(slots("xngx")) - set(slots("xng")) - set(slots("ngx"))


def test_a_huge_word_has_few_ngrams():
    assert len(slots("ab" * 500_000)) < 120


def test_slots_are_spread_evenly():
    words = [
        f"{first}{second}{third}" for first in "abcdefghijklmnop" for second in "qrstuvwx" for third in "abcdefghijk"
    ]
    different = len({slot_of(word) for word in words})
    assert different > 0.98 * len(words)
    assert max(slot_of(word) for word in words) <= SLOTS


def test_slots_of_no_words_are_one_empty_row():
    assert ngram_slots([]).tolist() == [[0]]
    assert ngram_slots(["", "a"]).tolist() == [[0], [0]]
    assert not ngram_slots(["", "ab"])[0].any()


@given(st.lists(st.text(max_size=30), min_size=1, max_size=6), st.data())
@settings(deadline=None)
def test_the_slots_of_some_words_are_those_rows_as_wide_as_they_need(words, data):
    picked = data.draw(st.lists(st.integers(0, len(words) - 1), max_size=4))
    rows = padded_slots(CharNgramHasher().read(words), np.array(picked, dtype=np.int64))
    found = [[slot for slot in row if slot] for row in rows.tolist()]
    assert found == ([slots(words[number]) for number in picked] or [[]])
    assert rows.shape[1] == max(1, *map(len, found))


@given(st.lists(st.lists(st.text(max_size=30), max_size=4), max_size=4), st.lists(st.text(max_size=9), max_size=4))
@settings(deadline=None)
def test_a_list_that_grows_is_hashed_like_a_whole_one_and_another_list_starts_again(parts, other):
    hasher, words = CharNgramHasher(), []
    for part in parts:
        words += part
        found = hasher.read(words)
        assert [row.tolist() for row in found] == [row.tolist() for row in CharNgramHasher().read(list(words))]
    assert [row.tolist() for row in hasher.read(other)] == [row.tolist() for row in CharNgramHasher().read(list(other))]


def test_unknown_words_are_numbered_from_the_size_of_the_vocabulary_each_once(tokenizer):
    unknown = {}
    first, second = tokenizer.encode_with_unknown(["the Strange parcel", "strange поездом strange"], unknown)
    assert list(unknown) == ["strange", "поездом"]
    size = tokenizer.size
    assert first.tolist()[1] == size
    assert second.tolist() == [size, size + 1, size]
    assert [first.tolist()[0], first.tolist()[2]] == tokenizer.encode(["the parcel"])[0].tolist()


@given(st.lists(st.text(max_size=30), max_size=5))
@settings(deadline=None, max_examples=50)
def test_hashing_changes_the_unknown_ids_and_no_others(tokenizer, texts):
    unknown = {}
    for plain, numbered in zip(tokenizer.encode(texts), tokenizer.encode_with_unknown(texts, unknown), strict=True):
        assert np.array_equal(np.where(numbered >= tokenizer.size, UNKNOWN_ID, numbered), plain)
    assert sorted(unknown.values()) == list(range(len(unknown)))


@given(st.lists(st.lists(st.integers(0, 12), min_size=3, max_size=3), min_size=1, max_size=4))
def test_unknown_words_are_numbered_anew_in_a_batch(rows):
    ids = np.array(rows, dtype=np.int64)
    local, used = in_batch(ids, 9)
    assert np.array_equal(local < 9, ids < 9)
    assert np.array_equal(local[ids < 9], ids[ids < 9])
    for old, new in zip(ids[ids >= 9], local[ids >= 9], strict=True):
        assert used[new - 9] == old - 9
    assert local[ids >= 9].tolist() == list(range(9, 9 + len(used)))
