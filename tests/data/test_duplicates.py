"""Texts that the network cannot tell apart are one text: they stay on one side, and are counted where they do not."""

import json
import random
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.config import Config
from attnclf.data.checks import contradictory, repeated
from attnclf.data.corpus import Corpus
from attnclf.data.duplicates import groups, keys, normal, unseen
from attnclf.data.splits import stratified
from attnclf.text.tokenizer import Tokenizer
from attnclf.training.pipeline import train

TEXT = "Über the café, 5 km"
# What changes a text for a computer and not for the network.
DOUBLES = {
    "a trailing space": lambda text: text + " ",
    "a capital": str.upper,
    "a double space": lambda text: text.replace(" ", "  "),
    "a no-break space": lambda text: text.replace(" ", "\u00a0"),
    "a line break of Windows": lambda text: text + "\r\n",
    "a tab": lambda text: text.replace(" ", "\t"),
    "an ideographic space": lambda text: text.replace(" ", "\u3000"),
    "a zero-width space": lambda text: text[:3] + "\u200b" + text[3:],
    "a byte order mark": lambda text: "\ufeff" + text,
    "a soft hyphen": lambda text: text[:5] + "\u00ad" + text[5:],
    "a control character": lambda text: text + "\x07",
    "letters taken apart": lambda text: unicodedata.normalize("NFD", text),
    "a space before a comma": lambda text: text.replace(",", " ,"),
}


def corpus(texts, labels=None):
    names = labels or ["a"] * len(texts)
    return Corpus(
        texts=texts, label_lists=[(name,) for name in names], weights=None,
        locations=[f"line {n}" for n in range(len(texts))], multi_label=False, bad=(), description="", rationales=None,
    )  # fmt: skip


@pytest.mark.parametrize("change", DOUBLES.values(), ids=DOUBLES)
def test_a_double_is_the_same_text(change):
    other = change(TEXT)
    assert other != TEXT
    assert normal(other) == normal(TEXT)
    assert groups([TEXT, "another", other]).tolist() == [0, 1, 0]
    assert repeated("test", "training", corpus([other, "new"]), keys([TEXT])).startswith(
        "1 of 2 test rows has its text"
    )
    both = corpus([TEXT, other], ["a", "b"])
    assert contradictory(both, keys(both.texts)).startswith("1 training text comes with different labels")
    assert unseen([other, "new"], [TEXT]) == ["new"]


@pytest.mark.parametrize("other", ["Uber the café, 5 km", "Über the café; 5 km", "Über the café, 6 km", "the café"])
def test_a_text_of_other_units_is_another_text(other):
    assert normal(other) != normal(TEXT)


EDITED = st.lists(st.sampled_from([*"aAbBßСс,. \t\n\u00a0\u200b\u0301é中", "\ufffd", "İ", "\u00ad"]), max_size=8)


@settings(deadline=None)
@given(EDITED.map("".join), EDITED.map("".join), st.booleans())
def test_texts_of_the_same_units_have_the_same_form(first, second, lowercase):
    tokenizer = Tokenizer.learn(
        [first, second], unit="word", vocabulary=100, min_frequency=1, lowercase=lowercase, max_length=100
    )
    ids = [tokenizer.encode([text]).ids.tolist() for text in (first, second)]
    if ids[0] == ids[1]:
        assert normal(first) == normal(second)


@pytest.mark.parametrize("change", DOUBLES.values(), ids=DOUBLES)
def test_no_double_stands_on_both_sides(change):
    texts = [f"{TEXT} {n}" for n in range(60)]
    texts += list(map(change, texts))
    labels = np.random.default_rng(0).integers(0, 2, len(texts))
    kept, apart = stratified(labels, texts, fraction=0.2, seed=1)
    assert len(apart) == 24
    assert {normal(texts[row]) for row in kept}.isdisjoint(normal(texts[row]) for row in apart)


def test_rows_without_doubles_are_parted_as_before():
    texts = [f"text number {n}" for n in range(50)]
    labels = np.arange(50) % 3
    assert groups(texts).tolist() == list(range(50))
    _, apart = stratified(labels, texts, fraction=0.2, seed=7)
    assert apart.tolist() == [10, 12, 20, 24, 32, 37, 45, 46, 47]


@pytest.mark.long
@pytest.mark.parametrize("change", list(DOUBLES.values())[:5], ids=list(DOUBLES)[:5])
def test_random_labels_of_doubled_texts_score_within_chance(unexported, change, tmp_path):
    drawn = random.Random(0)
    words = ["".join(drawn.choices("abcdefgh", k=5)) for _ in range(400)]
    rows = [(" ".join(drawn.choices(words, k=8)), drawn.choice("xy")) for _ in range(300)]
    rows += [(change(text), label) for text, label in rows]
    drawn.shuffle(rows)
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))
    settings = {"training": {"epochs": 8, "valid_fraction": 0.3}, "model": {"encoder": {"hidden": 16}}}
    done = train(str(data), tmp_path / "m", config=Config.from_dict(settings), device="cpu", say=lambda line: None)
    best = max(entry["valid_score"] for entry in done.outcome.history)
    assert best < 0.5 + 4 * (0.25 / 90) ** 0.5  # 90 different texts, each twice
