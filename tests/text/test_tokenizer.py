"""Units of text and their places in it, for any text at all."""

import contextlib
import dataclasses
import os
import time
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attnclf.config import TextConfig
from attnclf.errors import AttnclfError, BundleError
from attnclf.text.ragged import PADDING_ID, UNKNOWN_ID
from attnclf.text.tokenizer import Tokenizer, words

KINDS = ["word", "subword", "character"]
TEXTS = [
    "The cat can't sit on the mat, twice: good, good film!",
    "Мой ёж и йод ёлка, всё ещё мой",
    "这部电影很好看，演员也很好",
    "Ünïcödé façade 😀 emoji 👩‍👩‍👧 here",
    "[PAD] [UNK] are words of this text",
] * 3
# Characters that tokenizers trip over, among all the others of Unicode.
AWKWARD = st.sampled_from(
    [*"İıßﬁ\u0000\u0007\u001b\u00ad\u200b\u200d\ufeff\ufffd\u0301\u0130\u2028", *"😀👩文豈한かйё'’[] \t\r\n"]
)
ANY_TEXT = st.text(st.one_of(AWKWARD, st.characters(exclude_categories=["Cs"])), max_size=40)
SURROGATES = ["\ud800", "good \udfff film", "\udcff"]


def learned(unit="word", texts=TEXTS, **options):
    settings_ = TextConfig(**{"unit": unit, "vocabulary": 400, "min_frequency": 1, **options})
    return Tokenizer.learn(texts, **dataclasses.asdict(settings_))


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request):
    return learned(request.param)


@pytest.fixture(scope="module")
def by_word():
    return learned("word")


def slices(tokenizer, text):
    return [text[piece.start : piece.end] for piece in tokenizer.pieces(text)]


def shown(tokenizer, text):
    """Return the displayed words of a text."""
    pieces = tokenizer.pieces(text)
    return [text[pieces[first].start : pieces[last - 1].end] for first, last in words(text, pieces)]


# Any text


@settings(deadline=None, max_examples=80)
@given(text=ANY_TEXT)
@example(text="İstanbul")
@example(text="a\u0000b\u200bc")
def test_pieces_lie_in_the_text_in_order_and_never_overlap(tokenizer, text):
    pieces = tokenizer.pieces(text)
    assert all(0 <= piece.start <= piece.end <= len(text) for piece in pieces)
    for left, right in pairwise(pieces):
        assert left.end <= right.start, (text, left, right)


@settings(deadline=None, max_examples=50)
@given(texts=st.lists(ANY_TEXT, max_size=4))
def test_encode_and_pieces_agree_on_ids(tokenizer, texts):
    encoded = tokenizer.encode(texts)
    assert [row.tolist() for row in encoded] == [[piece.id for piece in tokenizer.pieces(text)] for text in texts]
    assert all(0 <= number < tokenizer.size for row in encoded for number in row)


@settings(deadline=None, max_examples=50)
@given(text=ANY_TEXT)
def test_displayed_words_cover_every_piece_once_and_in_order(tokenizer, text):
    pieces = tokenizer.pieces(text)
    spans = words(text, pieces)
    assert [index for first, last in spans for index in range(first, last)] == list(range(len(pieces)))
    assert all(first < last for first, last in spans)


@settings(deadline=None, max_examples=50)
@given(text=ANY_TEXT)
@example(text="a[PAD]b")
@example(text="[PAD]")
def test_no_text_can_spell_padding(tokenizer, text):
    assert PADDING_ID not in tokenizer.encode([text])[0]


@settings(deadline=None, max_examples=50)
@given(text=st.text(st.characters(categories=["Cc", "Zs", "Zl", "Zp"])))
def test_a_text_without_anything_to_read_has_no_units(tokenizer, text):
    assert tokenizer.pieces(text) == []
    assert tokenizer.encode([text])[0].tolist() == []


@pytest.mark.parametrize("method", ["encode", "pieces"])
def test_a_lone_surrogate_is_read_or_refused_in_one_line(tokenizer, method):
    for text in SURROGATES:
        with contextlib.suppress(AttnclfError):
            getattr(tokenizer, method)([text] if method == "encode" else text)


@pytest.mark.parametrize("unit", KINDS)
def test_a_lone_surrogate_in_the_training_texts_is_read_or_refused_in_one_line(unit):
    try:
        tokenizer = learned(unit, [*TEXTS, SURROGATES[1]])
    except AttnclfError:
        return
    assert tokenizer.size > 2


@pytest.mark.parametrize(
    "line",
    [
        "a" * 1_000_000,
        "слово word 中文 " * 70_000,
        pytest.param("😀" * 1_000_000, marks=pytest.mark.long),
        pytest.param("!" * 1_000_000, marks=pytest.mark.long),
    ],
)
def test_a_line_of_a_megabyte_takes_seconds(tokenizer, line):
    started = time.process_time()  # of this process alone, however busy the machine is
    assert len(tokenizer.encode([line])[0]) == tokenizer.max_length
    assert time.process_time() - started < 10


# Languages


def test_cyrillic_letters_with_marks_stay_as_they_are(by_word):
    assert {"мой", "ёж", "йод", "всё"} <= set(by_word.tokens)
    assert slices(by_word, "Мой ЁЖ") == ["Мой", "ЁЖ"]
    assert by_word.encode(["МОЙ ЁЖ"])[0].tolist() == by_word.encode(["мой ёж"])[0].tolist()
    assert by_word.encode(["йод"])[0].tolist() != by_word.encode(["иод"])[0].tolist()


def test_each_chinese_character_is_a_unit(by_word):
    text = "这电影good看"
    assert slices(by_word, text) == ["这", "电", "影", "good", "看"]
    assert UNKNOWN_ID not in by_word.encode([text])[0]


def test_punctuation_is_a_unit_of_its_own(by_word):
    assert slices(by_word, "good,film!") == ["good", ",", "film", "!"]


def test_emoji_are_read(by_word):
    assert "😀" in by_word.tokens
    assert slices(by_word, "good 😀") == ["good", "😀"]


def test_control_characters_between_letters_are_not_read(by_word):
    assert by_word.encode(["go\u0000od\u0007"])[0].tolist() == by_word.encode(["good"])[0].tolist()


def test_the_words_inside_ansi_colours_are_found(by_word):
    assert by_word.tokens.index("film") in by_word.encode(["\x1b[1m film \x1b[0m"])[0]


@pytest.mark.parametrize("unit", KINDS)
def test_capitals_matter_only_when_asked_for(unit):
    kept, lowered = learned(unit, lowercase=False), learned(unit)
    assert kept.encode(["The"])[0].tolist() != kept.encode(["the"])[0].tolist()
    assert lowered.encode(["The"])[0].tolist() == lowered.encode(["the"])[0].tolist()


# Learning


def test_padding_and_unknown_come_first_and_size_counts_all(tokenizer):
    assert tokenizer.tokens[:2] == ["[PAD]", "[UNK]"]
    assert tokenizer.size == len(tokenizer.tokens) == len(set(tokenizer.tokens))


@pytest.mark.parametrize("unit", ["word", "character"])
def test_the_most_frequent_units_are_kept(unit):
    many = ["aa " * 9 + "bb " * 8 + "cc " * 7 + " ".join(chr(code) * 2 for code in range(0x64, 0x7B))]
    tokens = learned(unit, many, vocabulary=16).tokens
    assert tokens[2].strip("#")[0] == "a"
    whole = learned(unit, many, vocabulary=400, min_frequency=7).tokens
    kept = {"word": {"aa", "bb", "cc"}, "character": {"a", "b", "c"}}[unit]
    assert kept <= set(whole)
    assert not {"dd", "zz", "d", "z"} & set(whole) or unit == "word"


@pytest.mark.parametrize("unit", KINDS)
def test_a_letter_never_seen_is_unknown(unit):
    assert learned(unit).encode(["Ω"])[0].tolist() == [UNKNOWN_ID]


@pytest.mark.parametrize("unit", KINDS)
def test_the_same_texts_give_the_same_units(unit):
    assert learned(unit).tokens == learned(unit).tokens


@pytest.mark.parametrize("unit", KINDS)
def test_nothing_to_learn_from_leaves_the_unknown_unit(unit):
    assert learned(unit, ["", " \t"]).encode(["good"])[0].tolist()[:1] == [UNKNOWN_ID]


# At rest


def test_a_saved_tokenizer_reads_alike(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "tokenizer.json", tokenizer.max_length)
    assert loaded.tokens == tokenizer.tokens
    for text in [*TEXTS[:5], "a[PAD]b", "İ unseen\u0000 words 豈"]:
        assert loaded.pieces(text) == tokenizer.pieces(text)
        assert loaded.encode([text])[0].tolist() == tokenizer.encode([text])[0].tolist()


def test_a_tokenizer_is_saved_in_a_folder_whose_name_is_not_utf8(tokenizer, tmp_path):
    path = tmp_path / os.fsdecode("模型".encode("gbk")) / "tokenizer.json"
    path.parent.mkdir()
    tokenizer.save(path)
    assert Tokenizer.load(path, tokenizer.max_length).tokens == tokenizer.tokens


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff"])
def test_a_damaged_tokenizer_file_is_one_clear_error(tmp_path, content):
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(BundleError, match=r"tokenizer\.json is not a tokenizer; copy the model again"):
        Tokenizer.load(tmp_path / "tokenizer.json", 9)


@pytest.mark.parametrize("unit", KINDS)
def test_encode_stops_at_the_longest_length_and_pieces_go_on(unit):
    tokenizer = learned(unit, max_length=3)
    text = "good film, good cat"
    pieces = tokenizer.pieces(text)
    assert len(pieces) > 3
    assert tokenizer.encode([text, "这"])[0].tolist() == [piece.id for piece in pieces[:3]]
    assert len(tokenizer.encode([text, "这"])[1]) == 1


# Words for display


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("good film, twice!", ["good", "film", ",", "twice", "!"]),
        ("Мой ёж", ["Мой", "ёж"]),
        ("很好看 film", ["很", "好", "看", "film"]),
        ("goodfilmcat sit", ["goodfilmcat", "sit"]),
        ("can't", ["can't"]),
        ("x" * 200 + " y", ["x" * 200, "y"]),
    ],
)
def test_pieces_are_shown_as_the_words_they_are_part_of(tokenizer, text, expected):
    assert shown(tokenizer, text) == expected


def test_a_letter_that_grows_when_lowered_does_not_cut_its_word(tokenizer):
    assert shown(tokenizer, "İstanbul good") == ["İstanbul", "good"]


def test_compatibility_ideographs_are_shown_one_by_one_like_the_others(tokenizer):
    assert shown(tokenizer, "\uf900\uf901") == ["\uf900", "\uf901"]
