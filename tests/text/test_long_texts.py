"""A text much longer than what is read: only its beginning is tokenized, and nothing else changes."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.text import tokenizer as module
from attnclf.text.tokenizer import Tokenizer, parts

WORDS = ["parcel", "late", "İstanbul", "дом", "中文", "don't", "a" * 70, "e\u0301", "\u200b", "…", "x,y", "\x00", "  "]
PIECES = st.sampled_from([*WORDS, " ", "   ", "\t", "\n", "\u00a0", ".", "-", "字"])
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=60).map("".join)


def learned(unit, max_length):
    return Tokenizer.learn(
        [" ".join(WORDS)], unit=unit, vocabulary=200, min_frequency=1, lowercase=True, max_length=max_length
    )


def whole(tokenizer, texts):
    """The tokens of the texts without a look at their lengths."""
    ids, lengths, _ = tokenizer._chunks.read(texts)
    starts = [0, *lengths.cumsum().tolist()]
    rows = [ids[first:last][: tokenizer.max_length].tolist() for first, last in pairwise(starts)]
    return rows, (lengths > tokenizer.max_length).tolist()


@pytest.mark.parametrize("unit", ["word", "subword", "character"])
@settings(deadline=None, max_examples=150)
@given(st.lists(TEXTS, max_size=3), st.integers(1, 4))
def test_ids_places_and_what_is_cut_are_those_of_the_whole_text(unit, texts, max_length):
    tokenizer = learned(unit, max_length)
    rows, long = whole(tokenizer, texts)
    # As if every text were long; the smallest beginning that can be tried.
    tokenizer._much = 1
    cut = []
    ids = [row.tolist() for row in tokenizer.encode_with_unknown(texts, {}, cut)]
    assert [len(row) for row in ids] == [len(row) for row in rows]
    assert cut == long
    size = tokenizer.size
    assert [[token if token < size else 1 for token in row] for row in ids] == [
        [token if token < size else 1 for token in row] for row in rows
    ]
    for text, row in zip(texts, rows, strict=True):
        tokenizer._much = 1
        pieces = tokenizer.pieces(text)
        tokenizer._much = len(text) + 1
        assert pieces[: len(row)] == tokenizer.pieces(text)[: len(row)]
        assert (len(pieces) > len(row)) == (len(tokenizer.pieces(text)) > len(row))


def test_of_a_line_of_megabytes_a_few_kilobytes_are_tokenized(monkeypatch):
    tokenizer = learned("word", 40)
    read = []
    chunks = tokenizer._chunks.read
    monkeypatch.setattr(tokenizer._chunks, "read", lambda texts: read.append(sum(map(len, texts))) or chunks(texts))
    cut = []
    assert len(tokenizer.encode(["parcel late " * 300_000], cut)[0]) == 40
    assert cut == [True]
    assert sum(read) < 10_000
    assert len(tokenizer.pieces("late" * 1_000_000)) < 1_000
    assert len(tokenizer.encode([" " * 3_000_000 + "late"], cut)[0]) == 1


def test_words_are_learned_alike_from_parts_of_a_text(monkeypatch):
    text = "late parcel, дом 中文 don't " * 50
    before = learned_from(text)
    monkeypatch.setattr(module, "PART", 20)
    assert len(list(parts(text))) > 20
    assert "".join(parts(text)) == text
    assert learned_from(text) == before
    assert list(parts("late" * 100)) == ["late" * 100]


def learned_from(text):
    return Tokenizer.learn(
        [text], unit="word", vocabulary=200, min_frequency=1, lowercase=True, max_length=9
    )._library.to_str()
