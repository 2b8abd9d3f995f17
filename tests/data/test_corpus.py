"""From rows to a corpus: labels, weights, bad rows, and texts kept on disk."""

import gc
import json

import numpy as np
import pytest

from attnclf.data.cells import labels_of
from attnclf.data.corpus import read
from attnclf.data.detect import detect
from attnclf.data.formats import stored_size
from attnclf.data.read_options import ReadOptions
from attnclf.data.spill import Column
from attnclf.errors import DataError


def jsonl(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        (" a ", ("a",)),
        (3, ("3",)),
        (2.0, ("2",)),
        (2.5, ("2.5",)),
        (True, ("true",)),
        (False, ("false",)),
        ([], ()),
        (["b", "a", "b", 1], ("b", "a", "1")),
    ],
)
def test_labels_of_any_plain_type_become_names(cell, labels):
    assert labels_of(cell) == labels


@pytest.mark.parametrize("cell", [None, "", "  ", float("nan"), [None], [""]])
def test_a_missing_label_is_not_a_label(cell):
    with pytest.raises(ValueError, match="the label is missing"):
        labels_of(cell)


def test_a_list_column_makes_the_corpus_multi_label_and_an_empty_list_is_legal(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", [{"text": "a", "labels": ["x"]}, {"text": "b", "labels": []}])
    corpus = read(path)
    assert corpus.multi_label
    assert corpus.label_lists == [("x",), ()]
    assert corpus.description == "a.jsonl: jsonl, 2 rows, text = 'text', label = 'labels', 1 label, multi-label"


def test_null_is_bad_in_a_multi_label_corpus(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", [{"text": "a", "labels": ["x"]}, {"text": "b", "labels": None}, {"text": "c"}])
    with pytest.raises(DataError, match=r"2 of 3 .* line 2 \(the label is missing\), line 3 \(the label is missing\)"):
        read(path)


def test_a_separator_splits_the_cells_of_a_csv(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\none,a| b |\ntwo,\nthree,b\n")
    corpus = read(str(tmp_path / "a.csv"), ReadOptions(label_separator="|"))
    assert corpus.multi_label
    assert corpus.label_lists == [("a", "b"), (), ("b",)]


def test_lists_written_as_text_are_refused_with_a_way_out(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\ntwo,[]\none,\"['a', 'b']\"\n")
    with pytest.raises(DataError, match=r"lists written as text, such as \['a', 'b'\]; .*--label-separator '\|'"):
        read(str(tmp_path / "a.csv"))


def test_brackets_alone_make_no_list(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\none,[sports]\ntwo,[art]\n")
    assert read(str(tmp_path / "a.csv")).label_lists == [("[sports]",), ("[art]",)]


def test_weights_are_read_from_the_column_asked_for(tmp_path):
    (tmp_path / "a.csv").write_text(
        "text,label,weight\none,a,0.5\ntwo,b,2\nsix,b,-1\nten,b,inf\nsee,b,much\nbig,b,1e300\n"
    )
    assert read(str(tmp_path / "a.csv")).weights is None
    corpus = read(str(tmp_path / "a.csv"), ReadOptions(weight_column="weight", on_bad_row="skip"))
    assert corpus.weights.dtype == np.float32
    assert corpus.weights.tolist() == [0.5, 2.0]
    assert [row.location for row in corpus.bad] == ["line 4", "line 5", "line 6", "line 7"]
    assert "weight = 'weight'" in corpus.description


def test_two_text_columns_are_joined_by_a_line_break_and_blank_ones_left_out(tmp_path):
    (tmp_path / "a.csv").write_text("title,body,label\nhead,body text,a\n,only body,b\nonly head,  ,b\n,,b\n")
    corpus = read(str(tmp_path / "a.csv"), ReadOptions(text_columns=["title", "body"], on_bad_row="skip"))
    assert corpus.texts == ["head\nbody text", "only body", "only head"]
    assert [(row.location, row.reason) for row in corpus.bad] == [("line 5", "the text is empty")]
    assert "text = 'title' + 'body'" in corpus.description


BAD = b"text,label\ngood,a\n \xe3\x80\x80,a\nno label,\n\xff\xfe bytes,a\na label,\xff\none\nfine,b\n"


def test_bad_rows_are_refused_in_one_line_that_names_the_first_and_the_remedy(tmp_path):
    (tmp_path / "a.csv").write_bytes(BAD)
    with pytest.raises(DataError) as caught:
        read(str(tmp_path / "a.csv"))
    assert str(caught.value) == (
        "a.csv: 5 of 7 rows cannot be used: line 3 (the text is empty), line 4 (the label is missing), "
        "line 5 (invalid UTF-8) and 2 more; fix them or convert the file (iconv -f ENCODING -t UTF-8) or leave them "
        "out with --on-bad-row skip"
    )


@pytest.mark.parametrize("large_bytes", [0, 10**9], ids=["on disk", "in memory"])
def test_skipped_rows_are_returned_and_counted(tmp_path, large_bytes):
    (tmp_path / "a.csv").write_bytes(BAD)
    corpus = read(str(tmp_path / "a.csv"), ReadOptions(on_bad_row="skip", large_bytes=large_bytes))
    assert list(corpus.texts) == ["good", "fine"]
    assert list(corpus.locations) == ["line 2", "line 8"]
    assert [row.location for row in corpus.bad] == [f"line {number}" for number in (3, 4, 5, 6, 7)]
    assert corpus.description.endswith("2 labels, 5 bad rows left out")
    assert corpus.subset([0]).bad == ()


def test_skipping_everything_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\na,\nb,\n")
    with pytest.raises(DataError, match="2 of 2 rows cannot be used") as caught:
        read(str(tmp_path / "a.csv"), ReadOptions(on_bad_row="skip"))
    assert "skip" not in caught.value.fix
    (tmp_path / "a.jsonl").write_text("{\n[]\n")
    with pytest.raises(DataError, match=r"^a.jsonl: 2 of 2 rows cannot be used: line 1"):
        read(str(tmp_path / "a.jsonl"), ReadOptions(on_bad_row="skip"))


def test_good_rows_after_a_long_run_of_bad_ones_are_found(tmp_path):
    (tmp_path / "a.jsonl").write_text("{\n" * 2500 + '{"text": "a", "label": "x"}\n')
    corpus = read(str(tmp_path / "a.jsonl"), ReadOptions(on_bad_row="skip"))
    assert corpus.texts == ["a"]
    assert len(corpus.bad) == 2500


@pytest.mark.parametrize("content", ["", "text,label\n", "\n\n"])
def test_a_file_without_rows_says_so(tmp_path, content):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(DataError, match=r"a.csv: there are no rows"):
        read(str(tmp_path / "a.csv"))


def test_the_description_says_what_was_understood(tmp_path):
    (tmp_path / "tickets.csv").write_text("text,label\n" + "".join(f"text {k},{k % 4}\n" for k in range(1360)))
    assert read(str(tmp_path / "tickets.csv")).description == (
        "tickets.csv: csv, 1,360 rows, text = 'text', label = 'label', 4 labels"
    )


def test_a_column_error_names_the_file(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\na,b\n")
    with pytest.raises(DataError, match=r"^a.csv: there is no column 'lable'; did you mean 'label'"):
        read(str(tmp_path / "a.csv"), ReadOptions(label_column="lable"))


def test_texts_on_disk_are_the_same_as_in_memory(tmp_path):
    path = jsonl(
        tmp_path / "a.jsonl",
        [{"text": f"text 🎬 {k}", "label": f"c{k % 3}", "w": k} for k in range(2500)],
    )
    there = read(path, ReadOptions(weight_column="w", large_bytes=0))
    here = read(path, ReadOptions(weight_column="w"))
    assert isinstance(there.texts, Column)
    assert isinstance(here.texts, list)
    chosen = np.array([2499, 0, 1234, 7])
    for disk, memory in [(there, here), (there.subset(chosen), here.subset(chosen))]:
        assert len(disk) == len(disk.texts) == len(memory)
        assert list(disk.texts) == memory.texts
        assert list(disk.locations) == memory.locations
        assert disk.label_lists == memory.label_lists
        assert disk.weights.tolist() == memory.weights.tolist()
        assert disk.description == memory.description
    assert there.subset(chosen).subset([1, 3]).texts[1] == "text 🎬 7"
    assert there.texts[-1] == "text 🎬 2499"
    assert list(there.texts[10:13]) == here.texts[10:13]
    with pytest.raises(IndexError):
        there.texts[2500]


def test_the_temporary_table_is_removed_with_the_corpus(tmp_path, monkeypatch):
    path = jsonl(tmp_path / "a.jsonl", [{"text": "a", "label": "x"}])
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    corpus = read(path, ReadOptions(large_bytes=0))
    assert len(list(scratch.iterdir())) == 1
    part = corpus.subset([0])
    del corpus
    gc.collect()
    assert list(part.texts) == ["a"]
    del part
    gc.collect()
    assert list(scratch.iterdir()) == []


def test_a_failed_read_leaves_no_temporary_table(tmp_path, monkeypatch):
    (tmp_path / "a.json").write_text('[{"text": "a", "label": "x"},' + '{"text": "a", "label": "x"},' * 2000 + "{")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with pytest.raises(DataError, match="broken at row 2002"):
        read(str(tmp_path / "a.json"), ReadOptions(large_bytes=0))
    assert list(scratch.iterdir()) == []


def test_the_size_of_a_compressed_file_is_that_of_its_content(tmp_path):
    import gzip

    (tmp_path / "a.csv").write_bytes(b"text,label\n" + b"a,b\n" * 5000)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    assert stored_size(detect(str(tmp_path / "a.csv.gz"))) == stored_size(detect(str(tmp_path / "a.csv"))) == 20_011
