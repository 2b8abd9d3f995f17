"""What `predict` and `explain` take from Python: texts in whatever yields strings, and nothing that only looks so."""

import json

import numpy as np
import pytest

from attnclf.explain.api import explain

TEXTS = ["my parcel is late", "", "I was charged twice"]
ROWS = {"text": TEXTS, "id": [1, 2, 3]}


def tables():
    """A table in each library that is here, and what makes a column of it."""
    pandas, pyarrow, datasets = map(pytest.importorskip, ("pandas", "pyarrow", "datasets"))
    return {
        "pandas": pandas.DataFrame(ROWS),
        "pyarrow": pyarrow.table(ROWS),
        "datasets": datasets.Dataset.from_dict(ROWS),
    }


@pytest.mark.parametrize("library", ["pandas", "pyarrow", "datasets"])
def test_a_table_is_refused_and_a_column_of_it_is_texts(classifier, library):
    table = tables()[library]
    for run in (classifier.predict, classifier.explain, lambda texts: explain(classifier, texts)):
        with pytest.raises(TypeError, match=r"texts is a \w+; pass one column of it, such as texts\['text'\]"):
            run(table)
    expected = [prediction.label for prediction in classifier.predict(TEXTS)]
    assert [prediction.label for prediction in classifier.predict(table["text"])] == expected


@pytest.mark.parametrize("texts", [ROWS, {"my parcel": 1}])
def test_a_mapping_is_refused(classifier, texts):
    with pytest.raises(TypeError, match="texts is a dict; pass one column of it"):
        classifier.predict(texts)


@pytest.mark.parametrize(
    ("item", "shown"), [(None, "None"), (float("nan"), "nan"), (7, "7"), (b"late", "b'late'"), (["a"], r"\['a'\]")]
)
def test_an_item_that_is_no_string_is_named_with_its_place(classifier, item, shown):
    for run in (classifier.predict, classifier.explain, lambda texts: explain(classifier, texts)):
        with pytest.raises(TypeError, match=rf"texts\[1\] is {shown}, not a string; leave it out, or pass ''"):
            run(["my parcel", item, "late"])


def test_bytes_and_rows_of_arrays_are_refused(classifier):
    with pytest.raises(TypeError, match="texts is one string of bytes; pass a list"):
        classifier.predict(b"late")
    with pytest.raises(TypeError, match=r"texts\[0\] is array"):
        classifier.predict(np.array([["my parcel", "late"]]))


def test_whatever_yields_strings_is_texts(classifier):
    expected = [prediction.label for prediction in classifier.predict(TEXTS)]
    for texts in (
        tuple(TEXTS),
        iter(TEXTS),
        np.array(TEXTS),
        dict.fromkeys(TEXTS).keys(),
        json.loads(json.dumps(TEXTS)),
    ):
        assert [prediction.label for prediction in classifier.predict(texts)] == expected
