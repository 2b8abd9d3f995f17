"""What people marked as evidence: every way to write it down means the same characters of the text."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.data import corpus
from attnclf.data.rationales import spans_of
from attnclf.data.read_options import ReadOptions
from attnclf.errors import DataError

TEXT = "A fine film,  but\nfar too long"
FINE, LONG = (2, 6), (22, 30)


@pytest.mark.parametrize(
    "cell",
    [
        [[2, 6], [22, 30]],
        [[2, 6, "praise"], [22, 30, "blame"]],
        [{"start": 2, "end": 6, "label": "praise"}, {"start": 22, "end": 30}],
        ["fine", "too long"],
        ["too long", "fine"],
        [0, 1, 0, 0, 0, 1, 1],
        [False, True, False, False, False, True, True],
        [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0],
    ],
    ids=str,
)
@pytest.mark.parametrize("written", [False, True], ids=["itself", "as json"])
def test_spans_texts_and_marks_say_the_same(cell, written):
    spans = spans_of(json.dumps(cell) if written else cell, TEXT)
    covered = {place for start, end in spans for place in range(start, end)} - {
        25
    }  # the space between two marked words
    assert covered == {*range(*FINE), *range(*LONG)} - {25}


def test_an_empty_list_marks_nothing_and_null_or_a_blank_cell_says_nothing():
    assert spans_of([], TEXT) == spans_of("[]", TEXT) == ()
    assert spans_of(None, TEXT) is spans_of("", TEXT) is spans_of("  ", TEXT) is None
    assert spans_of([0] * 7, TEXT) == ()


def test_marks_stand_for_the_tokens_of_the_row_where_it_has_some():
    tokens = ["A", "fine", "film", ",", "but", "far", "too", "long"]
    assert spans_of([0, 0, 1, 1, 0, 0, 0, 0], TEXT, tokens) == ((7, 11), (11, 12))
    assert spans_of([0, 0, 1, 1, 0, 0, 0, 0], TEXT, json.dumps(tokens)) == ((7, 11), (11, 12))


def test_a_text_is_found_after_the_one_before_it_and_a_line_break_counts_as_a_space():
    assert spans_of(["a b", "a b"], "a b a b") == ((0, 3), (4, 7))
    assert spans_of(["film, but far"], TEXT) == ((7, 21),)
    assert spans_of("[laughs] loudly", "he [laughs] loudly") == ((3, 18),)


@pytest.mark.parametrize(
    ("cell", "tokens", "reason"),
    [
        (3, None, "the rationale is not a list of spans, texts or marks"),
        ({"start": 0}, None, "the rationale is not a list of spans, texts or marks"),
        ([1, 2], None, "the rationale is not a list of spans, texts or marks"),
        ([[0, 4], "fine"], None, "the rationale is not a list of spans, texts or marks"),
        ([[0, True]], None, "the rationale is not a list of spans, texts or marks"),
        ([[0]], None, "the rationale is not a list of spans, texts or marks"),
        ([[4, 4]], None, "the rationale [4, 4] is not a part of a text of 30 characters"),
        ([[-1, 4]], None, "the rationale [-1, 4] is not a part of a text of 30 characters"),
        ([[20, 31]], None, "the rationale [20, 31] is not a part of a text of 30 characters"),
        ([0, 1], None, "the rationale has 2 marks, and the row 7 words between spaces"),
        ([0, 1], ["A", "fine", "film"], "the rationale has 2 marks, and the row 3 tokens"),
        ([0, 1], ["fine", "A"], "the token 'A' is not in the text after the one before it"),
        ([0, 1], 5, "the tokens that the rationale marks are not a list"),
        (["splendid"], None, "the rationale 'splendid' is not in the text"),
        (["x" * 50], None, f"the rationale '{'x' * 39}…' is not in the text"),
        ([" "], None, "the rationale has a blank text"),
    ],
)
def test_what_does_not_fit_is_named(cell, tokens, reason):
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        spans_of(cell, TEXT, tokens)


@settings(deadline=None)
@given(words=st.lists(st.text("abcé漢", min_size=1, max_size=4), min_size=1, max_size=12), data=st.data())
def test_marks_and_spans_agree_for_any_text(words, data):
    text = data.draw(st.sampled_from([" ", "  ", "\n"])).join(words)
    marks = data.draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words)))
    spans = spans_of(marks, text)
    assert [text[start:end] for start, end in spans] == [w for w, m in zip(words, marks, strict=True) if m]
    assert spans_of([list(span) for span in spans], text) == spans
    assert spans_of(marks, text, words) == spans


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


ROWS = [
    {"text": "a fine film", "label": "good", "rationale": ["fine"]},
    {"text": "a dull film", "label": "bad", "rationale": [[2, 6]]},
    {"text": "just a film", "label": "bad", "rationale": []},
    {"text": "another film", "label": "good", "rationale": None},
    {"text": "yet another", "label": "good"},
]


def test_a_column_of_that_name_is_read_when_asked_for_or_looked_for(tmp_path):
    path = written(tmp_path / "rows.jsonl", ROWS)
    assert corpus.read(path).rationales is None
    for rows in (
        corpus.read(path, ReadOptions(rationales=True)),
        corpus.read(path, ReadOptions(rationale_column="rationale")),
    ):
        assert rows.rationales == [((2, 6),), ((2, 6),), (), None, None]
        assert "label = 'label', rationale = 'rationale' (evidence in 2 rows), 2 labels" in rows.description
        assert rows.subset([3, 1]).rationales == [None, ((2, 6),)]


def test_reasons_in_prose_are_not_evidence_unless_asked_for(tmp_path):
    path = written(tmp_path / "rows.jsonl", [{**row, "rationale": "because I say so"} for row in ROWS])
    assert corpus.read(path, ReadOptions(rationales=True)).rationales is None
    with pytest.raises(
        DataError, match=r"5 of 5 rows cannot be used: line 1 \(the rationale 'because I say so' is not"
    ):
        corpus.read(path, ReadOptions(rationale_column="rationale"))


def test_a_bad_rationale_makes_a_bad_row_that_can_be_skipped(tmp_path):
    path = written(tmp_path / "rows.jsonl", [*ROWS, {"text": "short", "label": "bad", "rationale": [[0, 9]]}])
    with pytest.raises(DataError, match=r"line 6 \(the rationale \[0, 9\] is not a part of a text of 5 characters\)"):
        corpus.read(path, ReadOptions(rationales=True))
    rows = corpus.read(path, ReadOptions(rationales=True, on_bad_row="skip"))
    assert len(rows.rationales) == len(rows) == 5
    assert len(rows.bad) == 1


def test_a_csv_holds_rationales_as_json_and_texts_on_disk_keep_theirs(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('text,label,rationales\na fine film,good,"[[2, 6]]"\na dull film,bad,\nno film,bad,"[""no""]"\n')
    rows = corpus.read(str(path), ReadOptions(rationales=True))
    assert rows.rationales == [((2, 6),), None, ((0, 2),)]
    assert corpus.read(str(path), ReadOptions(rationales=True, large_bytes=0)).rationales == rows.rationales


def test_a_rationale_is_neither_text_nor_label_and_two_of_them_must_be_told_apart(tmp_path):
    rows = [{"sentence": row["text"], "kind": row["label"], "rationale": row.get("rationale")} for row in ROWS]
    read = corpus.read(written(tmp_path / "rows.jsonl", rows), ReadOptions(rationales=True))
    assert read.texts[0] == "a fine film"
    assert read.label_lists[0] == ("good",)
    with pytest.raises(DataError, match="column 'kind' cannot be the rationale too"):
        corpus.read(str(tmp_path / "rows.jsonl"), ReadOptions(rationale_column="kind", label_column="kind"))
    both = [{**row, "rationales": []} for row in ROWS]
    with pytest.raises(DataError, match="the rationale could be in any of 'rationale', 'rationales'; pass --rationale"):
        corpus.read(written(tmp_path / "both.jsonl", both), ReadOptions(rationales=True))
