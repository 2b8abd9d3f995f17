"""Each format, read from a file into a corpus."""

import csv
import gzip
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attnclf.config import Config
from attnclf.data.corpus import Corpus, read
from attnclf.data.inputs import open_input, texts
from attnclf.data.read_options import ReadOptions
from attnclf.data.readers.tables import hub_splits
from attnclf.data.training_set import Sources, read_splits
from attnclf.errors import DataError

ROWS = [
    ("great film 🎬", "pos"),
    ("文字很好", "pos"),
    ("очень плохо", "neg"),
    ('quoted "words", commas; and tabs', "neg"),
]


def rows(corpus: Corpus) -> list[tuple[str, tuple[str, ...]]]:
    return list(zip(corpus.texts, corpus.label_lists, strict=True))


def expected(pairs=ROWS):
    return [(text, (label,)) for text, label in pairs]


def as_csv(pairs=ROWS, delimiter=",", header=("text", "label")) -> bytes:
    from io import StringIO

    out = StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows([header, *pairs])
    return out.getvalue().encode()


def as_jsonl(pairs=ROWS) -> bytes:
    return "".join(json.dumps({"text": t, "label": x}, ensure_ascii=False) + "\n" for t, x in pairs).encode()


def as_json(pairs=ROWS) -> bytes:
    return json.dumps([{"text": t, "label": x} for t, x in pairs], indent=1).encode()


def as_fasttext(pairs=ROWS) -> bytes:
    return "".join(f"__label__{label} {text}\n" for text, label in pairs).encode()


FILES = [
    ("a.csv", as_csv()),
    ("a.tsv", as_csv(delimiter="\t")),
    ("semicolon.csv", as_csv(delimiter=";")),
    ("tab.csv", as_csv(delimiter="\t")),
    ("a.jsonl", as_jsonl()),
    ("a.json", as_json()),
    ("lines.json", as_jsonl()),
    ("a.txt", as_fasttext()),
    ("a.ft", as_fasttext()),
    ("a.train", as_fasttext()),
    ("bare", as_fasttext()),
]


@pytest.mark.parametrize(("name", "content"), FILES, ids=[name for name, _ in FILES])
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gz"])
def test_a_file_gives_its_rows_in_order(tmp_path, name, content, zipped):
    path = tmp_path / (f"{name}.gz" if zipped else name)
    path.write_bytes(gzip.compress(content) if zipped else content)
    corpus = read(str(path))
    assert rows(corpus) == expected()
    assert not corpus.multi_label
    assert corpus.weights is None
    assert corpus.bad == ()


@pytest.mark.parametrize(("name", "content"), FILES[:8], ids=[name for name, _ in FILES[:8]])
def test_a_byte_order_mark_is_not_part_of_the_data(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(b"\xef\xbb\xbf" + content)
    assert rows(read(str(path))) == expected()


@pytest.mark.parametrize(("line", "delimiter"), [("sep=;", ";"), ('"Sep=|"', "|"), ("sep=,", ","), ("sep=\t", "\t")])
def test_a_first_line_of_excel_names_the_delimiter_and_is_no_row(tmp_path, line, delimiter):
    path = tmp_path / "a.csv"
    path.write_bytes(f"{line}\r\n".encode() + as_csv([*ROWS, ("", "neg")], delimiter))
    assert rows(corpus := read(str(path), ReadOptions(on_bad_row="skip"))) == expected()
    assert [bad.location for bad in corpus.bad] == ["line 7"]
    with open_input(str(path)) as opened:
        assert list(texts(opened)) == [*(text for text, _ in ROWS), ""]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.txt"])
def test_windows_line_endings_are_not_part_of_the_data(tmp_path, name):
    content = dict(FILES)[name].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    (tmp_path / name).write_bytes(content)
    assert rows(read(str(tmp_path / name))) == expected()


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: not text.isspace())
LABELS = (
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
    .map(str.strip)
    .filter(lambda name: name[:1] not in ("", "["))
)
PAIRS = st.lists(st.tuples(TEXTS, LABELS), min_size=1, max_size=8).filter(lambda pairs: ("text", "label") not in pairs)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PAIRS, st.sampled_from([("a.csv", ","), ("a.csv", ";"), ("a.tsv", "\t")]))
def test_what_the_csv_module_writes_is_read_back_equal(tmp_path, pairs, kind):
    name, delimiter = kind
    (tmp_path / name).write_bytes(as_csv(pairs, delimiter))
    assert rows(read(str(tmp_path / name))) == expected(pairs)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PAIRS, st.sampled_from([("a.jsonl", as_jsonl), ("a.json", as_json)]))
def test_what_the_json_module_writes_is_read_back_equal(tmp_path, pairs, kind):
    name, write = kind
    (tmp_path / name).write_bytes(write(pairs))
    assert rows(read(str(tmp_path / name))) == expected(pairs)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.txt", "a.parquet"])
def test_a_text_of_a_megabyte_is_read_whole(tmp_path, name):
    long = "слово 🎬 " * 80_000
    pairs = [(long.strip(), "a"), ("short", "b")]
    path = tmp_path / name
    if name == "a.parquet":
        write_parquet(path, pairs)
    else:
        writers = {"csv": as_csv, "jsonl": as_jsonl, "json": as_json, "txt": as_fasttext}
        write = writers.get(name.split(".")[1], lambda p: as_csv(p, "\t"))
        path.write_bytes(write(pairs))
    assert rows(read(str(path))) == expected(pairs)


def write_parquet(path: Path, pairs=ROWS) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"text": [text for text, _ in pairs], "label": [label for _, label in pairs]})
    pyarrow.parquet.write_table(table, path, row_group_size=3)


def test_parquet_gives_its_rows_in_order(tmp_path):
    write_parquet(tmp_path / "a.parquet")
    corpus = read(str(tmp_path / "a.parquet"))
    assert rows(corpus) == expected()
    assert list(corpus.locations) == ["row 1", "row 2", "row 3", "row 4"]


def test_a_parquet_column_of_a_kind_that_nobody_needs_is_no_hindrance(tmp_path):
    import pyarrow
    import pyarrow.parquet

    kind = pyarrow.map_(pyarrow.string(), pyarrow.string())
    columns = {"text": ["one", "two"], "label": ["a", "b"], "more": pyarrow.array([[("x", "y")], []], kind)}
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "rows.parquet")
    assert list(read(str(tmp_path / "rows.parquet")).texts) == ["one", "two"]


@pytest.mark.parametrize("kind", ["string_view", "binary", "large_binary", "binary_view"])
def test_parquet_strings_by_other_names_are_texts_and_labels_and_broken_ones_bad_rows(tmp_path, kind):
    import pyarrow
    import pyarrow.parquet

    values = [b"my parcel", "d\u00e9j\u00e0 vu".encode(), *([] if kind == "string_view" else [b"na\xefve"])]
    kinds = getattr(pyarrow, kind)()
    table = pyarrow.table({
        "id": [f"row {n}" for n in range(len(values))],
        "text": pyarrow.array(values, kinds),
        "label": pyarrow.array([b"a", b"b", b"a"][: len(values)], kinds),
    })  # fmt: skip
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")
    corpus = read(str(tmp_path / "rows.parquet"), ReadOptions(on_bad_row="skip"))
    assert rows(corpus) == [("my parcel", ("a",)), ("d\u00e9j\u00e0 vu", ("b",))]
    assert [row.reason for row in corpus.bad] == ["invalid UTF-8"] * (len(values) - 2)


def test_a_parquet_file_damaged_inside_is_named(tmp_path):
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "rows.parquet"
    texts = [f"text {number}" for number in range(5000)]
    pyarrow.parquet.write_table(pyarrow.table({"text": texts, "label": ["a", "b"] * 2500}), path, compression="gzip")
    content = bytearray(path.read_bytes())
    content[100:3000] = bytes(2900)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"rows\.parquet: the file is damaged: .*; copy it again"):
        read(str(path))


def test_a_broken_parquet_file_is_named(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"no table at all, only text")
    with pytest.raises(DataError, match=r"^a.parquet: not a parquet file"):
        read(str(tmp_path / "a.parquet"))


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.csv"])
def test_a_label_of_thousands_of_digits_is_a_name_like_others(tmp_path, name):
    digits = "7" * 5000
    lines = [f'{{"text": "one", "label": {digits}}}', f'{{"text": "two", "label": 1, "n": {digits}}}']
    content = {
        "rows.jsonl": "\n".join(lines),
        "rows.json": f"[{', '.join(lines)}]",
        "rows.csv": f"text,label,n\none,{digits},\ntwo,1,{digits}\n",
    }
    (tmp_path / name).write_text(content[name])
    assert rows(read(str(tmp_path / name))) == [("one", (digits,)), ("two", ("1",))]


def test_an_infinite_label_is_a_bad_row(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"text": "one", "label": 1e400}\n{"text": "two", "label": 1.0}\n')
    corpus = read(str(tmp_path / "rows.jsonl"), ReadOptions(on_bad_row="skip"))
    assert rows(corpus) == [("two", ("1",))]
    assert [row.reason for row in corpus.bad] == ["the label is not a finite number"]


def test_a_folder_of_class_folders_gives_one_text_a_file(tmp_path):
    for place, text in [
        ("sports/b.txt", "goal\n"),
        ("sports/a.txt", "run"),
        ("art/deep/x", "Öl\nauf Holz"),
        ("art/.x", "no"),
    ]:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text, encoding="utf-8", newline="")
    corpus = read(str(tmp_path))
    assert rows(corpus) == [("Öl\nauf Holz", ("art",)), ("run", ("sports",)), ("goal", ("sports",))]
    assert list(corpus.locations) == ["art/deep/x", "sports/a.txt", "sports/b.txt"]


def test_a_file_beside_the_class_folders_is_a_bad_row(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text(name)
    (tmp_path / "README").write_text("about")
    with pytest.raises(DataError, match=r"README \(it is in no class folder\)"):
        read(str(tmp_path))
    assert [bad.location for bad in read(str(tmp_path), ReadOptions(on_bad_row="skip")).bad] == ["README"]


def test_a_folder_of_splits_is_not_taken_for_two_classes(tmp_path):
    for place in ("train/pos", "test/pos"):
        (tmp_path / place).mkdir(parents=True)
    with pytest.raises(DataError, match=r"holds splits \(test, train\), not classes; name one of them"):
        read(str(tmp_path))


def test_a_folder_without_class_folders_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(DataError, match="no class folders; put the texts of each class into a folder of its own"):
        read(str(tmp_path))


def test_fasttext_lines_with_several_labels_or_none_are_multi_label(tmp_path):
    (tmp_path / "a.txt").write_text("__label__a __label__b one\n\n__label__c\ttwo  words \nthree\n")
    corpus = read(str(tmp_path / "a.txt"))
    assert corpus.multi_label
    assert rows(corpus) == [("one", ("a", "b")), ("two  words ", ("c",)), ("three", ())]
    assert list(corpus.locations) == ["line 1", "line 3", "line 4"]


def test_a_fasttext_label_after_the_text_does_not_leak_into_it(tmp_path):
    (tmp_path / "a.ft").write_text("__label__a one\n__label__a two\ntwo __label__b\n__label__ x\n")
    with pytest.raises(DataError, match=r"2 of 4 .* line 3 \(a __label__ after the text has begun\), line 4"):
        read(str(tmp_path / "a.ft"))


def test_a_csv_without_a_header_line_loses_no_row(tmp_path):
    (tmp_path / "a.csv").write_text("good fun,pos\nno fun,neg\ngreat,pos\nbad,neg\n")
    corpus = read(str(tmp_path / "a.csv"))
    assert rows(corpus) == [("good fun", ("pos",)), ("no fun", ("neg",)), ("great", ("pos",)), ("bad", ("neg",))]
    assert corpus.description == "a.csv: csv, 4 rows, text = '1', label = '2' (chosen by content), 2 labels"


def test_a_first_cell_as_long_as_a_text_is_no_header(tmp_path):
    long = "so many words that no column would ever be called by them, " * 2
    (tmp_path / "a.csv").write_text(f'"{long}",x\nshort,y\nshorter,z\n')
    assert read(str(tmp_path / "a.csv")).label_lists == [("x",), ("y",), ("z",)]


def test_a_numeric_class_before_title_and_body_is_no_header(tmp_path):
    lines = [f'{k % 3 + 1},short {k},"a much longer description of item {k}, with commas"' for k in range(9)]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    corpus = read(str(tmp_path / "a.csv"), ReadOptions(text_columns=["2", "3"]))
    assert len(corpus) == 9
    assert corpus.texts[0] == "short 0\na much longer description of item 0, with commas"
    assert set(corpus.label_lists) == {("1",), ("2",), ("3",)}


def test_a_header_with_unknown_names_is_still_a_header(tmp_path):
    (tmp_path / "a.csv").write_text("words,kind\ngood fun indeed,x\nno fun at all,y\ngreat and good,x\nbad bad bad,y\n")
    corpus = read(str(tmp_path / "a.csv"))
    assert len(corpus) == 4
    assert corpus.locations[0] == "line 2"


def test_two_columns_of_one_name_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("text,text,label\na,b,c\n")
    with pytest.raises(DataError, match="two columns are called 'text'; rename one"):
        read(str(tmp_path / "a.csv"))


def test_quotes_are_literal_in_a_tsv_that_does_not_use_them(tmp_path):
    (tmp_path / "a.tsv").write_text('text\tlabel\n"so he said" and left\tx\n"open\ty\nplain\tx\n')
    assert rows(read(str(tmp_path / "a.tsv"))) == [
        ('"so he said" and left', ("x",)),
        ('"open', ("y",)),
        ("plain", ("x",)),
    ]


def test_a_delimited_bad_row_is_named_by_its_first_line(tmp_path):
    (tmp_path / "a.csv").write_text(
        'text,label\n"two\nlines",x\nonly one column\na,b,c\n"odd" quote,x\ntext,label\n\nfine,y\n"open,x\nend,y\n'
    )
    bad = read(str(tmp_path / "a.csv"), ReadOptions(on_bad_row="skip")).bad
    assert [(row.location, row.reason) for row in bad] == [
        ("line 4", "1 column instead of 2"),
        ("line 5", "3 columns instead of 2"),
        ("line 6", "broken quoting: ',' expected after '\"'"),
        ("line 7", "the header line again"),
        ("lines 10 to 11", "a quote that is never closed"),
    ]


def test_line_ends_of_old_macintoshes_are_named(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"text,label\rone,x\rtwo,y\r")
    with pytest.raises(DataError, match="carriage return alone, as on old Macintoshes: save the file as CSV UTF-8"):
        read(str(tmp_path / "a.csv"))


def test_broken_json_lines_are_named_and_the_others_kept(tmp_path):
    content = b'{"text": "a", "label": "x"}\n\n{"text": "b", \n[1]\n{"text": "\xff", "label": "x"}\n'
    content += b'{"text": "\\ud83d", "label": "x"}\n{"text": 7, "label": "x"}\n{"text": "c", "label": {}}\n'
    (tmp_path / "a.jsonl").write_bytes(content + b"[" * 100_000 + b'\n{"text": "b", "label": "y"}')
    corpus = read(str(tmp_path / "a.jsonl"), ReadOptions(on_bad_row="skip"))
    assert rows(corpus) == [("a", ("x",)), ("b", ("y",))]
    assert [(row.location, row.reason.split(":")[0]) for row in corpus.bad] == [
        ("line 3", "broken JSON"),
        ("line 4", "a list where an object should be"),
        ("line 5", "invalid UTF-8"),
        ("line 6", "invalid UTF-8"),
        ("line 7", "'text' is a number, not text"),
        ("line 8", "the label is an object"),
        ("line 9", "broken JSON"),
    ]


def test_an_array_larger_than_one_read_is_read_item_by_item(tmp_path, monkeypatch):
    monkeypatch.setattr("attnclf.data.readers.jsonlines.CHUNK", 7)
    (tmp_path / "a.json").write_bytes(as_json(ROWS * 5))
    assert rows(read(str(tmp_path / "a.json"))) == expected(ROWS * 5)
    (tmp_path / "a.json").write_text('[1234567, 12345678, 123456789, {"text": "a", "label": "x"}]')
    corpus = read(str(tmp_path / "a.json"), ReadOptions(on_bad_row="skip"))
    assert [row.location for row in corpus.bad] == ["row 1", "row 2", "row 3"]
    assert corpus.texts == ["a"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[{"text": "a", "label": "x"}, {"text": ', "broken at row 2"),
        ('[{"text": "a", "label": "x"} {"text": "b"}]', "broken at row 1: a comma or ] should follow"),
        ('[{"text": "a", "label": "x"}', "broken at row 1: a comma or ] should follow"),
        ('"text"', "not a JSON array of objects"),
    ],
)
def test_a_broken_array_says_where(tmp_path, content, words):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=f"a.json: .*{words}"):
        read(str(tmp_path / "a.json"))


def test_a_damaged_gzip_file_is_named(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(as_csv(ROWS * 50))[:-20])
    with pytest.raises(DataError, match=r"a.csv.gz: the file is damaged"):
        read(str(tmp_path / "a.csv.gz"))


def test_utf16_is_refused_with_the_command_that_converts_it(tmp_path):
    for name in ("a.csv", "a.txt", "a.jsonl"):
        (tmp_path / name).write_bytes("text,label\na,b\n".encode("utf-16"))
        with pytest.raises(DataError, match=r"UTF-16; convert it: iconv -f UTF-16 -t UTF-8"):
            read(str(tmp_path / name))


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """`datasets` with a cache of its own and no network."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return datasets


def class_table(datasets):
    names = datasets.ClassLabel(names=["neg", "pos"])
    features = datasets.Features({"text": datasets.Value("string"), "label": names})
    return datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [0, 1, 1]}, features=features)


def test_a_dataset_folder_of_parquet_files_gives_class_names(tmp_path, offline):
    folder = tmp_path / "data set"
    folder.mkdir()
    class_table(offline).to_parquet(folder / "train.parquet")
    class_table(offline).select([2]).to_parquet(folder / "validation.parquet")
    argument = f"hf:{folder}"
    assert hub_splits(argument) == ("train", "validation")
    assert rows(read(argument)) == [("a", ("neg",)), ("b", ("pos",)), ("c", ("pos",))]
    assert rows(read(argument, ReadOptions(split="validation"))) == [("c", ("pos",))]
    assert rows(read(str(folder / "train.parquet"))) == rows(read(argument))
    with pytest.raises(DataError, match="there is no split 'test'; the splits are train, validation"):
        read(argument, ReadOptions(split="test"))


def test_a_dataset_folder_of_csv_files_is_read(tmp_path, offline):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.csv").write_bytes(as_csv())
    assert rows(read(f"hf:{tmp_path / 'set'}")) == expected()


def test_a_saved_dataset_is_read(tmp_path, offline):
    offline.DatasetDict({"train": class_table(offline)}).save_to_disk(tmp_path / "saved")
    assert hub_splits(f"hf:{tmp_path / 'saved'}") == ("train",)
    assert read(f"hf:{tmp_path / 'saved'}").label_lists == [("neg",), ("pos",), ("pos",)]


def test_lists_of_class_numbers_are_lists_of_names_and_minus_one_is_no_label(tmp_path, offline):
    names = offline.ClassLabel(names=["joy", "fear"])
    several = offline.Features({"text": offline.Value("string"), "labels": offline.List(names)})
    table = offline.Dataset.from_dict({"text": ["a", "b"], "labels": [[1, 0], []]}, features=several)
    table.to_parquet(tmp_path / "several.parquet")
    corpus = read(str(tmp_path / "several.parquet"))
    assert corpus.multi_label
    assert rows(corpus) == [("a", ("fear", "joy")), ("b", ())]

    one = offline.Features({"text": offline.Value("string"), "label": names})
    offline.Dataset.from_dict({"text": ["a", "b"], "label": [1, -1]}, features=one).to_parquet(tmp_path / "one.parquet")
    with pytest.raises(DataError, match=r"1 of 2 rows cannot be used: row 2 \(the label is missing\)"):
        read(str(tmp_path / "one.parquet"))


def test_a_hub_name_that_cannot_be_loaded_says_what_to_check(offline):
    with pytest.raises(DataError, match=r"^hf:nobody/nothing: the dataset cannot be loaded: .*; check its name"):
        read("hf:nobody/nothing")


def test_a_pipe_that_can_be_read_once_is_read_like_a_file(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    import threading

    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(as_jsonl()))
    writer.start()
    corpus = read(str(tmp_path / "pipe"))
    writer.join()
    assert rows(corpus) == expected()


def test_a_test_split_without_labels_is_left_out_and_said_so(tmp_path, offline):
    table = class_table(offline)
    hidden = table.remove_columns("label").add_column("label", [-1, -1, -1]).cast(table.features)
    many = offline.concatenate_datasets([table] * 5)
    offline.DatasetDict({"train": many, "validation": table, "test": hidden}).save_to_disk(tmp_path / "glue")
    said = []
    parts = read_splits(f"hf:{tmp_path / 'glue'}", Sources(), Config(), said.append)
    assert (len(parts.train), len(parts.valid), parts.test) == (15, 3, None)
    (note,) = (line for line in said if line.startswith("Note: the split test is left out: "))
    assert "3 of 3 rows cannot be used" in note
