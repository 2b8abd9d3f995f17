"""Texts for prediction, as they arrive."""

import gzip
import io
import os
import sys
import threading
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.data.inputs import open_input, texts
from attnclf.data.read_options import ReadOptions
from attnclf.data.source import Source
from attnclf.data.streams import Damage, unzipped
from attnclf.errors import DataError


class Pipe(io.BytesIO):
    """Bytes that can be read once."""

    def seekable(self):
        return False


def source(stream, format="lines"):
    return Source(name="stdin", format=format, stream=stream)


def read(content, format="lines", columns=None, *, stream=Pipe, **others):
    """Return the texts of a pipe with this content."""
    data = content if isinstance(content, bytes) else content.encode()
    stream = io.BytesIO if format == "parquet" else stream
    return list(texts(source(stream(data), format), ReadOptions(text_columns=columns), **others))


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"))), st.sampled_from(["\n", "\r\n"]))
def test_every_line_is_a_text_and_only_its_ending_is_stripped(lines, ending):
    lines = [line.removeprefix("\ufeff") for line in lines]
    assert read("".join(line + ending for line in lines)) == lines


def test_blank_lines_and_an_unended_last_line_are_texts():
    assert read(b"\xef\xbb\xbf one \n\n\t\nlast\r") == [" one ", "", "\t", "last\r"]
    assert read("") == []


@pytest.mark.parametrize(("format", "delimiter"), [("csv", ","), ("csv", ";"), ("tsv", "\t")])
@pytest.mark.parametrize("before", ["\n", " \n\n", "\r\n"])
def test_blank_lines_before_a_header_are_no_header(format, delimiter, before):
    rows = f"label{delimiter}text\nx{delimiter}one\n\ny{delimiter}two\n"
    assert read(before + rows, format) == read(rows, format) == ["one", "", "two"]
    assert read(before, format) == []


def test_broken_bytes_are_replaced_and_counted():
    damage = Damage()
    assert read(b"fine\nb\xffd\n\xe2\x82\nok\n", damage=damage) == ["fine", "b\ufffdd", "\ufffd", "ok"]
    assert damage.lines == 2


def test_a_text_is_given_before_the_next_line_is_there():
    for format_, line, text in [
        ("lines", b"one\n", "one"),
        ("jsonl", b'{"text": "one"}\n', "one"),
        ("fasttext", b"__label__a one\n", "one"),
        ("tsv", b"text\tn\none\t1\n", "one"),
        ("csv", b"text,n\none,1\n", "one"),
    ]:
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as stream:
            os.write(writing, line)
            # Should it wait for more, closing the pipe after two seconds ends the wait, and too late is seen below.
            closed = threading.Event()
            timer = threading.Timer(2, lambda end=writing, mark=closed: (mark.set(), os.close(end)))
            timer.start()
            assert next(texts(source(stream, format_))) == text
            waited = closed.is_set()
            timer.cancel()
            timer.join()
            if not closed.is_set():
                os.close(writing)
            assert not waited, f"{format_} waited for a second line"


@pytest.mark.parametrize("members", [False, True], ids=["one member", "a member for each line"])
def test_a_compressed_line_is_given_when_it_has_arrived(members):
    compressor = zlib.compressobj(wbits=31)
    pieces = [
        gzip.compress(line) if members else compressor.compress(line) + compressor.flush(zlib.Z_SYNC_FLUSH)
        for line in (b"one\n", b"two\n")
    ]
    reading, writing = os.pipe()
    timer = threading.Timer(5, os._exit, [3])  # it waits for the end
    timer.start()
    with os.fdopen(reading, "rb") as stream:
        os.write(writing, pieces[0])
        given = texts(source(unzipped(stream)))
        assert next(given) == "one"
        os.write(writing, pieces[1][:5])
        os.write(writing, pieces[1][5:])
        assert next(given) == "two"
        os.close(writing)
    timer.cancel()


def test_a_named_pipe_may_be_compressed(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(gzip.compress(b"one\n"),))
    writer.start()
    with open_input(str(tmp_path / "pipe")) as opened:
        assert list(texts(opened)) == ["one"]
    writer.join()


def test_jsonl_gives_the_text_of_each_line():
    lines = '{"id": "x", "text": "one"}\n\n{"text": null}\n{"text": "\\ud83d\\ude00 \\ud83d"}\n'
    assert read(lines, "jsonl") == ["one", "", "", "😀 \ufffd"]
    assert read('{"a": "x", "b": "y"}\n{"b": "z"}\n', "jsonl", ["a", "b"]) == ["x\ny", "z"]
    assert read('{"words": "one", "n": 1}\n', "jsonl") == ["one"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('{"text": "a"}\n\n{"text": \n', "line 3: broken JSON"),
        ('{"text": "a"}\n"b"\n', "line 2: text where an object should be"),
        ('{"text": "a"}\n{"body": "a"}\n', "line 2: there is no 'text'"),
        ('{"text": "a"}\n{"text": 1}\n', "line 2: 'text' is a number, not text"),
        ('{"text": 1}\n{"text": "a"}\n', "line 1: 'text' is a number, not text"),
        ('{"id": "x", "text": 1}\n{"id": "y", "text": "a"}\n', "line 1: 'text' is a number, not text"),
        ('{"a": "a", "b": "b"}\n', "the text could be in any of 'a', 'b'; pass --text-column"),
        ('{"n": 1}\n', "no column holds text: 'n'"),
        ('{"id": "x"}\n{"id": "y", "text": "a"}\n', "no column holds text: 'id'"),
        ('{"q": "x"}\n{"q": "y", "text": "a"}\n', "line 2: there is a column 'text' here, and 'q' was read so far"),
    ],
)
def test_a_jsonl_line_without_a_text_is_an_error_that_names_it(lines, words):
    with pytest.raises(DataError, match=words):
        read(lines, "jsonl")


def test_a_number_of_thousands_of_digits_in_another_field_is_no_hindrance():
    assert read('{"text": "a", "n": %s}\n{"text": "b", "n": [1e999, NaN]}\n' % ("7" * 5000), "jsonl") == ["a", "b"]


@pytest.mark.parametrize("array", ['[{"text": "a"}]', '\n [\n  {"text": "a"}\n]\n', '["a", "b"]\n'])
def test_a_json_array_where_lines_should_be_is_refused_with_the_option_that_reads_it(array):
    with pytest.raises(DataError, match=r"JSON array, .* pass --input-format json, or convert an array of strings: jq"):
        read(array, "jsonl")


def test_a_quoted_csv_field_may_span_lines():
    assert read('id,text\n1,"one\nstill ""one"""\n\n2,"t,w,o"\r\n', "csv") == ['one\nstill "one"', "", "t,w,o"]
    assert read("id;отзыв\n1;a,b\n", "csv") == ["a,b"]
    assert read("title,body\nhead,text\n", "csv", ["title", "body"]) == ["head\ntext"]
    assert read("text\nwith, commas\n", "csv") == ["with, commas"]


def test_rows_without_a_header_are_read_by_position():
    assert read("1,one\n2,two\n", "csv", ["2"]) == ["one", "two"]
    assert read("id,text\n2,two\n", "csv", ["2"]) == ["two"]


@pytest.mark.parametrize("format", ["csv", "tsv"])
def test_a_header_that_could_be_a_text_is_named_and_the_remedy_reads_it(format):
    notes = []
    assert read("\nmy parcel is late\nmy card\n", format, say=notes.append) == ["my card"]
    assert notes == ["Note: line 2 is taken for the header; if it is a text, pass --text-column 1"]
    assert read("\nmy parcel is late\nmy card\n", format, ["1"], say=notes.append) == ["my parcel is late", "my card"]
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("content", "columns"),
    [("Text\na\n", None), ("label\na\n", None), ("id\na\n", ["id"]), ("id\na\n", ["1"]), ("\n", None)],
)
def test_a_header_with_a_known_name_or_one_asked_for_is_not_named(content, columns):
    notes = []
    read(content, "csv", columns, say=notes.append)
    assert notes == []


@pytest.mark.parametrize("encoding", ["cp1251", "gb18030"])
@pytest.mark.parametrize("header", ["Обращение", "номер,обращение", "слово,слава"])
def test_a_header_in_another_encoding_is_refused_with_the_command_that_converts_it(header, encoding):
    content = f"{header}\n1,один\n".encode(encoding)
    with pytest.raises(DataError, match=r"the header is not valid UTF-8; convert it: iconv -f ENCODING -t UTF-8"):
        read(content, "csv")
    with pytest.raises(DataError, match="the header is not valid UTF-8"):
        read(content, "csv", ["обращение"])


def test_a_broken_name_beside_the_one_that_is_read_does_no_harm():
    assert read(b"\xff,text\n1,one\n", "csv") == ["one"]
    assert read(b"\xff,words\n1,one\n", "csv", ["words"]) == ["one"]


def test_a_tsv_line_is_a_record_whatever_its_quotes():
    assert read('text\tn\n"open\t1\n"closed"\t2\n"two\twords"\t3\n\n', "tsv") == ['"open', "closed", "two\twords", ""]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("text,n\na,1\nb\n", "line 3: 1 column instead of 2"),
        ('text,n\n"a,1\n', "lines 2 to 2: a quote|line 2: a quote that is never closed"),
        ("a,b\n1,2\n", "the text could be in any of 'a', 'b'"),
    ],
)
def test_a_csv_row_that_cannot_be_read_is_an_error_that_names_it(content, words):
    with pytest.raises(DataError, match=words):
        read(content, "csv")


@pytest.mark.parametrize("format", ["lines", "fasttext"])
def test_columns_of_what_has_none_are_refused(format):
    with pytest.raises(DataError, match="no columns; leave --text-column out"):
        read("a\n", format, ["title"])


def test_a_missing_column_lists_what_there_is():
    with pytest.raises(DataError, match="no column 'txt'; did you mean 'text'"):
        read("text,n\na,1\n", "csv", ["txt"])


def test_fasttext_labels_are_not_part_of_the_text():
    assert read("__label__a __label__b one two\nno label\n\n__label__a\n", "fasttext") == [
        "one two",
        "no label",
        "",
        "",
    ]


def test_a_line_of_a_megabyte_is_one_text():
    assert read("长" * 400_000 + "\nb") == ["长" * 400_000, "b"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.txt", "lines"), ("a.log", "lines"), ("a", "lines"), ("a.jsonl", "jsonl"), ("a.json", "json"),
     ("a.csv", "csv"), ("a.tsv", "tsv"), ("a.ft", "fasttext"), ("a.parquet", "parquet")],
)  # fmt: skip
def test_the_format_of_an_input_is_that_of_its_extension(tmp_path, name, kind):
    (tmp_path / name).write_bytes(b"content")
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(b"content"))
    for path in (tmp_path / name, tmp_path / f"{name}.gz"):
        with open_input(str(path)) as opened:
            assert opened.format == kind
            assert opened.stream.read() == b"content"
        with open_input(str(path), ReadOptions(format="fasttext")) as opened:
            assert opened.format == "fasttext"


def test_a_compressed_file_cut_short_gives_its_texts_and_then_an_error(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"one\n" * 1000)[:-9])
    with open_input(str(tmp_path / "a.gz")) as opened:
        reading = texts(opened)
        assert next(reading) == "one"
        with pytest.raises(DataError, match="the file is damaged"):
            list(reading)


def test_a_dash_is_stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"one\n")))
    with open_input("-") as opened:
        assert opened.format == "lines"
        assert list(texts(opened)) == ["one"]


def test_inputs_that_cannot_be_streamed_say_what_can(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    for argument, options, words in [
        (str(tmp_path / "a.parquet"), {"format": "jsn"}, "unknown format 'jsn'; use one of: json"),
        (str(tmp_path / "a.parquet"), {"format": "folder"}, "is a file, not a folder"),
        (str(tmp_path / "a.parqet"), {}, "did you mean"),
        ("-", {"format": "parquet"}, "parquet cannot be read from a pipe; name the file"),
    ]:
        with pytest.raises(DataError, match=words), open_input(argument, ReadOptions(**options)):
            pass


def parquet(columns, **options):
    """Bytes of a parquet file with these columns."""
    import pyarrow
    import pyarrow.parquet

    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), stream, **options)
    return stream.getvalue()


def test_parquet_gives_the_text_of_each_row_across_row_groups():
    rows = [f"text {number}" if number % 7 else None for number in range(2500)]
    content = parquet({"n": range(2500), "text": rows}, row_group_size=400)
    assert read(content, "parquet") == [row or "" for row in rows]
    assert read(parquet({"title": ["a"], "body": ["b"]}), "parquet", ["title", "body"]) == ["a\nb"]


def test_parquet_strings_of_every_kind_are_texts_and_numbers_are_features():
    import pyarrow

    for kind in (pyarrow.string(), pyarrow.large_string(), pyarrow.dictionary(pyarrow.int8(), pyarrow.string())):
        column = pyarrow.array(["one", "two"]).cast(kind)
        assert read(parquet({"words": column, "n": [1, 2]}), "parquet") == ["one", "two"]
    for kind in (pyarrow.string_view(), pyarrow.binary(), pyarrow.large_binary(), pyarrow.binary_view()):
        column = pyarrow.array([None, b"one", b"d\xc3\xa9j\xc3\xa0"], kind)
        for columns in ({"id": ["r1", "r2", "r3"], "text": column}, {"words": column}):
            assert read(parquet(columns), "parquet") == ["", "one", "déjà"], kind
    table = source(io.BytesIO(parquet({"age": [34, 50], "income": [1.5, 2.0]})), "parquet")
    assert list(texts(table, ReadOptions(feature_columns=["income", "age"]))) == [
        "income=1.5, age=34", "income=2.0, age=50",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "columns", "words"),
    [
        (b"PAR1 and then nothing", None, "not a parquet file"),
        (b"", None, "not a parquet file"),
        ({"n": [1]}, None, "no column holds text: 'n'"),
        ({"id": ["r1", "r2"]}, None, "no column holds text: 'id'"),
        ({"id": ["r1"], "text": [7]}, None, "column 'text' does not hold text; convert it, or pass --text-column"),
        ({"id": ["r1"], "text": [["a", "b"]]}, None, "column 'text' does not hold text"),
        ({"id": ["r1"], "text": [b"\xff\xfe\x00"]}, None, "column 'text' does not hold text"),
        ({"text": ["a"]}, ["txt"], "there is no column 'txt'; did you mean 'text'?"),
        ({"text": ["a"], "n": [1]}, ["n"], "row 1: 'n' is a number, not text"),
    ],
)
def test_parquet_without_texts_is_an_error_that_says_why(content, columns, words):
    with pytest.raises(DataError, match=words):
        read(content if isinstance(content, bytes) else parquet(content), "parquet", columns)


def test_a_parquet_column_of_nulls_that_is_called_text_has_blank_texts():
    import pyarrow

    assert read(parquet({"id": ["r1", "r2"], "text": pyarrow.nulls(2)}), "parquet") == ["", ""]


def test_bytes_that_are_not_utf_8_are_replaced_in_a_column_of_text():
    assert read(parquet({"text": [b"one", b"na\xefve"]}), "parquet") == ["one", "na\ufffdve"]


def test_a_parquet_file_damaged_inside_gives_an_error():
    content = bytearray(parquet({"text": [f"text {n}" for n in range(5000)]}, row_group_size=1000))
    content[len(content) // 2 : len(content) // 2 + 2000] = bytes(2000)
    with pytest.raises(DataError, match="the file is damaged"):
        read(bytes(content), "parquet")
