"""Rows in memory: whatever holds them, the same rows come out, and what cannot be used is named."""

import subprocess
import sys

import numpy as np
import pytest

from attnclf.data.corpus import read
from attnclf.data.inputs import open_input, texts
from attnclf.data.read_options import ReadOptions
from attnclf.errors import DataError

ROWS = {"text": ["late parcel", "charged twice"], "label": ["delivery", "billing"]}
PAIRS = list(zip(*ROWS.values(), strict=True))


def read_back(corpus):
    return list(zip(corpus.texts, corpus.label_lists, strict=True))


def holders():
    pandas, pyarrow, datasets = map(pytest.importorskip, ("pandas", "pyarrow", "datasets"))
    return {
        "pairs": PAIRS,
        "dicts": [dict(zip(ROWS, pair, strict=True)) for pair in PAIRS],
        "array": np.array(PAIRS),
        "pandas": pandas.DataFrame(ROWS),
        "categories": pandas.DataFrame(ROWS).astype({"label": "category"}),
        "pyarrow": pyarrow.table(ROWS),
        "datasets": datasets.Dataset.from_dict(ROWS).cast_column(
            "label", datasets.Value("string")
        ),
        "class numbers": datasets.Dataset.from_dict(ROWS).class_encode_column("label"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "holder", ["pairs", "dicts", "array", "pandas", "categories", "pyarrow", "datasets", "class numbers"]
)
def test_the_same_rows_come_out_of_whatever_holds_them(holder):
    corpus = read(holders()[holder])
    assert read_back(corpus) == [(text, (label,)) for text, label in PAIRS]
    assert corpus.locations == ["row 1", "row 2"]
    with open_input(holders()[holder]) as source:
        assert list(texts(source)) == ROWS["text"]


def test_polars_rows_come_out_too():
    polars = pytest.importorskip("polars")
    assert read_back(read(polars.DataFrame(ROWS))) == [(text, (label,)) for text, label in PAIRS]


def test_numbers_of_numpy_are_labels_and_lists_are_several():
    assert read([("a", np.int64(3)), ("b", np.float64(4.0))]).label_lists == [("3",), ("4",)]
    several = read([("a", ["x", "y"]), ("b", np.array(["y"])), ("c", ())])
    assert several.multi_label
    assert several.label_lists == [("x", "y"), ("y",), ()]


@pytest.mark.parametrize("missing", [None, float("nan"), "NA", "NaT"])
def test_a_missing_label_is_a_bad_row_by_its_number(missing):
    pandas = pytest.importorskip("pandas")
    missing = getattr(pandas, missing) if isinstance(missing, str) else missing
    for data in ([("a", "x"), ("b", missing)], pandas.DataFrame({"text": ["a", "b"], "label": ["x", missing]})):
        with pytest.raises(DataError, match=r"the data: 1 of 2 rows cannot be used: row 2 \(the label is missing\)"):
            read(data)
        assert len(read(data, ReadOptions(on_bad_row="skip"))) == 1


def test_an_item_that_is_no_row_is_named():
    with pytest.raises(DataError, match=r"row 2 \(3 values, not a text, a \(text, label\) pair or a dict\)"):
        read([("a", "x"), ("b", "y", "z")])
    with pytest.raises(DataError, match=r"row 1 \(7, not a text"):
        read([7, ("a", "x")])


def test_two_columns_with_one_name_are_refused():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(DataError, match="two columns are called 'text'; rename one of them"):
        read(pandas.DataFrame([["a", "b", "x"]], columns=["text", "text", "label"]))


@pytest.mark.parametrize("data", [{"text": ["a"]}, iter([("a", "x")]), 7, None])
def test_what_holds_no_rows_is_refused(data):
    with pytest.raises(DataError, match=r"data of type \w+ cannot be read; pass a path, or a list, data frame,"):
        read(data)


def test_rows_in_memory_have_no_file_format():
    with pytest.raises(DataError, match="rows in memory have no file format; leave --input-format out"):
        read(PAIRS, ReadOptions(format="csv"))


def test_no_library_of_tables_is_loaded_for_a_list():
    code = "import sys; from attnclf.data.corpus import read; read([('a', 'x')]); " + (
        "print(*{'pandas', 'polars', 'datasets', 'pyarrow'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
