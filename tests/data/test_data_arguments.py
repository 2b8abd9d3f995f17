"""What a DATA argument is taken for."""

import gzip
import io
import sys

import pytest

from attnclf.data.corpus import read
from attnclf.data.detect import detect
from attnclf.data.inputs import open_input
from attnclf.data.read_options import ReadOptions
from attnclf.errors import DataError


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.csv", "text,label\n", "csv"),
        ("a.CSV", "text,label\n", "csv"),
        ("a.tsv", "text\tlabel\n", "tsv"),
        ("a.ndjson", "{}", "jsonl"),
        ("a.json", '[{"a": 1}]', "json"),
        ("a.json", ' {"a": 1}\n', "jsonl"),
        ("a.parquet", "PAR1", "parquet"),
        ("a.ft", "not to be seen from here", "fasttext"),
        ("a.txt", "\n__label__a text\n", "fasttext"),
        ("a.valid", "__label__a text\n", "fasttext"),
        ("a.txt", "a plain text about __label__x\n", "lines"),
        ("a", "", "lines"),
    ],
)
def test_a_file_is_known_by_its_extension_or_its_first_lines(tmp_path, name, content, kind):
    (tmp_path / name).write_text(content)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
    assert detect(str(tmp_path / name)).format == kind
    assert detect(str(tmp_path / f"{name}.gz")).format == kind


def test_an_unknown_extension_lists_the_formats(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(
        DataError, match=r"extension that is not known, '.xlsx'; pass --input-format with one of: csv, tsv,"
    ):
        detect(str(tmp_path / "a.xlsx"))


def test_the_format_asked_for_wins_over_the_extension(tmp_path):
    (tmp_path / "a.xlsx").write_text("text,label\na,x\nb,y\n")
    assert len(read(str(tmp_path / "a.xlsx"), ReadOptions(format="csv"))) == 2


def test_an_unknown_format_suggests_the_near_one(tmp_path):
    with pytest.raises(DataError, match="unknown format 'jsonll'; use one of: jsonl"):
        detect("-", format="jsonll")


def test_a_missing_file_suggests_its_neighbour(tmp_path):
    (tmp_path / "tickets.csv").write_text("")
    with pytest.raises(DataError, match=r"ticket.csv does not exist; did you mean .*tickets.csv\?"):
        detect(str(tmp_path / "ticket.csv"))


def test_a_missing_folder_is_said_to_be_missing(tmp_path):
    with pytest.raises(DataError, match=r"does not exist: there is no folder .*nowhere"):
        detect(str(tmp_path / "nowhere" / "a.csv"))


def test_a_bare_name_that_is_no_file_is_offered_as_a_hub_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="imdb does not exist; check the path, or write hf:imdb"):
        detect("imdb")
    with pytest.raises(DataError, match="imdb does not exist; check the path, or write hf:imdb"), open_input("imdb"):
        pass


def test_hub_arguments_are_not_looked_up_as_files():
    source = detect("hf:owner/name:config")
    assert (source.format, source.location, source.name) == ("hub", "owner/name:config", "hf:owner/name:config")


def test_folders_and_files_cannot_be_asked_for_as_each_other(tmp_path):
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(DataError, match="is a folder, not a csv file"):
        detect(str(tmp_path), format="csv")
    with pytest.raises(DataError, match="is a file, not a folder"):
        detect(str(tmp_path / "a.csv"), format="folder")


def test_plain_text_cannot_be_trained_on(tmp_path):
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    with pytest.raises(DataError, match=r"a.txt is plain text without labels; if it is csv, tsv or jsonl, name it"):
        read(str(tmp_path / "a.txt"))


def test_a_split_of_a_file_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\na,b\n")
    with pytest.raises(DataError, match=r"a.csv has no splits"):
        read(str(tmp_path / "a.csv"), ReadOptions(split="test"))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'\xef\xbb\xbf{"text": "a, b", "label": "x"}\n{"text": "b", "label": "y"}\n', "jsonl"),
        (b' [{"text": "a, b", "label": "x"}, {"text": "b", "label": "y"}]', "json"),
        (b"__label__x a, b\n__label__y b\n", "fasttext"),
        (b'text,label\n"a, b",x\nb,y\n', "csv"),
        (b'label;text\nx;"a, b"\ny;b\n', "csv"),
        (b"text\tlabel\na, b\tx\nb\ty\n", "tsv"),
        (gzip.compress(b"text\tlabel\na, b\tx\nb\ty\n", mtime=0), "tsv"),
    ],
)
def test_stdin_is_known_by_its_first_bytes(monkeypatch, content, kind):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    corpus = read("-")
    assert corpus.description.startswith(f"stdin: {kind}, 2 rows")
    assert list(zip(corpus.texts, corpus.label_lists, strict=True)) == [("a, b", ("x",)), ("b", ("y",))]


def test_parquet_comes_through_stdin_too(monkeypatch, tmp_path):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"text": ["a"], "label": ["x"]}), tmp_path / "a")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "a").read_bytes())))
    assert list(read("-").texts) == ["a"]


@pytest.mark.parametrize("text", ["a text, not a name " * 300, "a\0b"])
def test_a_text_in_place_of_a_name_is_a_missing_file(text):
    with pytest.raises(DataError, match="does not exist"):
        detect(text)
