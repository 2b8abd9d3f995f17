"""The memory of the tokenizer: quick, bounded, and never to be noticed in what is read."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.text import chunks
from attnclf.text.tokenizer import Tokenizer

SAID = ["the parcel, late!", "the parcel is (here)", "поезд опоздал", "поезд опоздал.", "很好看 很好", "don't e-mail"]
PARTS = ["the", "parcel", "late", "Parcel", "поезд", "很", "好看", ",", "!", "(", "'", "-", " ", "  ", "\t", "\u3000"]
MIXED = st.lists(st.sampled_from([*PARTS, "\u200d", "\x1c", "。", "İ", "new", "x" * 70]), max_size=12).map("".join)


def learned(unit="word"):
    return Tokenizer.learn(SAID, unit=unit, vocabulary=200, min_frequency=1, lowercase=True, max_length=50)


@pytest.fixture(scope="module", params=["word", "subword", "character"])
def tokenizer(request):
    return learned(request.param)


@pytest.fixture
def forgetful(monkeypatch):
    monkeypatch.setattr(chunks, "CHARACTERS", 60)


@settings(deadline=None, max_examples=200)
@given(texts=st.lists(MIXED, max_size=5))
def test_cut_at_spaces_and_marks_a_text_reads_as_it_does_whole(tokenizer, texts):
    for text, ids in zip(texts, tokenizer.encode(texts), strict=True):
        assert ids.tolist() == [piece.id for piece in tokenizer.pieces(text)][: tokenizer.max_length]


@settings(deadline=None, max_examples=50)
@given(before=st.lists(MIXED, max_size=5), texts=st.lists(MIXED, max_size=5))
def test_what_was_read_before_changes_nothing(before, texts):
    fresh, experienced = learned(), learned()
    experienced.encode_with_unknown(before, {})
    first, second = {}, {}
    for ours, theirs in zip(
        fresh.encode_with_unknown(texts, first), experienced.encode_with_unknown(texts, second), strict=True
    ):
        assert ours.tolist() == theirs.tolist()
    assert first == second


def test_an_endless_stream_of_new_words_is_read_rightly_in_little_memory(forgetful):
    tokenizer, fresh = learned(), learned()
    held = []
    for number in range(300):
        texts = [f"the word{number} (word{number + 1})", f"parcel {number}"]
        unknown, expected = {}, {}
        read = tokenizer.encode_with_unknown(texts, unknown)
        assert [ids.tolist() for ids in read] == [ids.tolist() for ids in fresh.encode_with_unknown(texts, expected)]
        assert list(unknown) == [f"word{number}", f"word{number + 1}", str(number)]
        held.append(len(tokenizer._chunks._runs) + len(tokenizer._chunks._chunks))
    assert max(held) < 40


def test_threads_read_as_one_does(forgetful):
    tokenizer = learned()
    texts = [[f"the {word}{number} late" for word in ("parcel", "train", "поезд")] for number in range(200)]

    def read(some):
        unknown = {}
        return [ids.tolist() for ids in tokenizer.encode_with_unknown(some, unknown)], list(unknown)

    alone = list(map(read, texts))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, texts)) == alone


def test_a_known_word_with_a_new_comma_needs_no_tokenizer(monkeypatch):
    tokenizer = learned()
    tokenizer.encode(["the parcel ,"])
    monkeypatch.setattr(tokenizer._chunks, "_library", None)  # whoever asks it, fails
    first, second = tokenizer.encode(["parcel, the,", "the parcel"])
    assert len(first) == 4
    assert np.array_equal(second, first[[2, 0]])


@pytest.mark.parametrize(
    ("text", "words"),
    [("Strange", ["strange"]), ("\tStrange\u3000", ["strange"]), ("a\u200db", ["ab"]), ("鱼", ["鱼"]),
     ("new鱼 strange.new", ["new", "鱼", "strange"])],
)  # fmt: skip
def test_an_unknown_word_is_what_the_chain_makes_of_it_without_spaces(text, words):
    unknown = {}
    learned().encode_with_unknown([text], unknown)
    assert list(unknown) == words


PLAIN_OR_NOT = st.text(st.characters(max_codepoint=0x460), min_size=1, max_size=70)


@settings(deadline=None, max_examples=300)
@given(words=st.lists(PLAIN_OR_NOT, max_size=6), lowercase=st.booleans())
def test_a_plain_word_is_what_the_chain_makes_of_it(words, lowercase):
    tokenizer = Tokenizer.learn(
        ["the Parcel İ ǅ Straße поЕзд"], unit="word", vocabulary=50, min_frequency=1, lowercase=lowercase, max_length=99
    )
    for word, ids in zip(words, tokenizer.encode(words), strict=True):
        assert ids.tolist() == [piece.id for piece in tokenizer.pieces(word)][:99]


def test_texts_that_hold_what_stands_between_texts_stay_apart():
    texts = [f"the {chunks.BETWEEN} late", chunks.BETWEEN, "", f"{chunks.BETWEEN}parcel"]
    tokenizer = learned()
    assert [len(ids) for ids in tokenizer.encode(texts)] == [len(tokenizer.pieces(text)) for text in texts]
