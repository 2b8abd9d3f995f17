"""The table of formats: what one can train on, one can predict on, and what a new format costs."""

import gzip
import json

import pytest
from support import shapes_unchecked

from attnclf.config import Config
from attnclf.data.corpus import read
from attnclf.data.formats import FORMATS, DataFormat
from attnclf.data.inputs import open_input, texts
from attnclf.data.read_options import ReadOptions
from attnclf.data.rows import BadRow, Record
from attnclf.errors import DataError
from attnclf.training.pipeline import train

SMALL = Config.from_dict({
    "text": {"max_length": 20},
    "model": {"embedding": {"dim": 12}, "encoder": {"hidden": 8}},
    "training": {"epochs": 12, "min_steps": 1, "learning_rate": 0.02},
})  # fmt: skip
PAIRS = [("great film", "pos"), ("очень плохо", "neg"), ("文字很好, 真的", "pos"), ("a bad, bad film", "neg")]
OBJECTS = [{"text": text, "label": label} for text, label in PAIRS]


def predicted(argument, **options):
    """Return the texts that predict reads."""
    with open_input(str(argument), ReadOptions(**options)) as source:
        return list(texts(source, ReadOptions(**options)))


def quoted(text):
    return f'"{text}"'


WRITTEN = {
    "a.csv": "text,label\n" + "".join(f"{quoted(text)},{label}\n" for text, label in PAIRS),
    "by content.csv": "words,kind\n" + "".join(f"{quoted(text)},{label}\n" for text, label in PAIRS),
    "no header.csv": "".join(f"{label},{quoted(text)}\n" for text, label in PAIRS),
    "semicolons.csv": "label;text\n" + "".join(f"{label};{text}\n" for text, label in PAIRS),
    "a.tsv": "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in PAIRS),
    "a.jsonl": "".join(json.dumps(values) + "\n" for values in OBJECTS),
    "lines.json": "".join(json.dumps(values) + "\n" for values in OBJECTS),
    "array.json": json.dumps(OBJECTS, indent=1),
    "a.ft": "".join(f"__label__{label} {text}\n" for text, label in PAIRS),
    "a.txt": "".join(f"__label__{label} {text}\n" for text, label in PAIRS),
    "bare": "".join(f"__label__{label} {text}\n" for text, label in PAIRS),
}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gz"])
def test_a_file_that_training_reads_gives_prediction_the_same_texts(tmp_path, name, zipped):
    path = tmp_path / (f"{name}.gz" if zipped else name)
    path.write_bytes(gzip.compress(WRITTEN[name].encode()) if zipped else WRITTEN[name].encode())
    assert list(read(str(path)).texts) == predicted(path) == [text for text, _ in PAIRS]


def test_a_folder_that_training_reads_gives_prediction_the_same_texts(tmp_path):
    for number, (text, label) in enumerate(PAIRS):
        (tmp_path / label).mkdir(exist_ok=True)
        (tmp_path / label / f"{number}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "neg" / "broken.txt").write_bytes(b"na\xefve")
    assert list(read(str(tmp_path), ReadOptions(on_bad_row="skip")).texts) == [PAIRS[n][0] for n in (1, 3, 0, 2)]
    assert predicted(tmp_path) == [PAIRS[1][0], PAIRS[3][0], "na\ufffdve", PAIRS[0][0], PAIRS[2][0]]


def test_a_dataset_that_training_reads_gives_prediction_the_same_texts(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    columns = {"label": [label for _, label in PAIRS], "text": [text for text, _ in PAIRS]}
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(columns)}).save_to_disk(tmp_path / "saved")
    argument = f"hf:{tmp_path / 'saved'}"
    assert list(read(argument).texts) == predicted(argument) == columns["text"]


def test_a_json_array_comes_through_a_pipe_when_it_is_asked_for(monkeypatch):
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(OBJECTS).encode())))
    assert predicted("-", format="json") == [text for text, _ in PAIRS]


def test_a_quoted_tsv_field_that_spans_lines_is_one_text_where_nothing_else_fits(tmp_path):
    (tmp_path / "a.tsv").write_text('text\tlabel\n"two\nlines"\tx\none\ty\n')
    assert list(read(str(tmp_path / "a.tsv")).texts) == predicted(tmp_path / "a.tsv") == ["two\nlines", "one"]


def test_a_row_that_training_refuses_for_its_label_alone_can_be_predicted(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\none,x\n\ntwo,\ntext,label\n")
    assert predicted(tmp_path / "a.csv") == ["one", "", "two", "text"]
    (tmp_path / "a.ft").write_text("__label__ one\n__label__a two __label__b\n")
    assert predicted(tmp_path / "a.ft") == ["one", "two __label__b"]


def notes(source):
    """The reader of a toy format: `label> text` on every line."""
    for number, line in enumerate(source.lines(), 1):
        label, separator, text = line.rstrip("\n").partition("> ")
        if separator:
            yield Record(f"line {number}", {"text": text, "label": label})
        else:
            yield BadRow(f"line {number}", "there is no >")


def test_a_new_format_is_a_reader_and_a_row_and_can_be_trained_and_predicted(tmp_path, monkeypatch):
    monkeypatch.setitem(FORMATS, "notes", DataFormat(read=notes, extensions=(".note",), named_columns=False))
    words = {"billing": "my card was charged", "delivery": "my parcel is late"}
    lines = [f"{label}> {text} {number}\n" for number in range(10) for label, text in words.items()]
    (tmp_path / "rows.note").write_text("".join(lines))
    assert read(str(tmp_path / "rows.note")).description == "rows.note: notes, 20 rows, 2 labels"
    with shapes_unchecked():
        train(str(tmp_path / "rows.note"), tmp_path / "model", config=SMALL, device="cpu", baseline=False)
    from attnclf.runtime.classifier import Classifier

    classifier = Classifier.load(tmp_path / "model", device="cpu")
    found = predicted(tmp_path / "rows.note")
    assert found[:2] == ["my card was charged 0", "my parcel is late 0"]
    assert [prediction.label for prediction in classifier.predict(found)] == ["billing", "delivery"] * 10
    (tmp_path / "broken.note").write_text("nothing\n")
    for reading in (lambda: read(str(tmp_path / "broken.note")), lambda: predicted(tmp_path / "broken.note")):
        with pytest.raises(DataError, match="there is no >"):
            reading()


def test_an_object_in_memory_is_one_more_row_of_the_table(monkeypatch):
    row = DataFormat(
        read=lambda source: (Record(f"row {n}", values) for n, values in enumerate(source.data, 1)),
        ragged=True,
        container=True,
        size=lambda source: 0,
        accepts=lambda data: isinstance(data, list),
    )
    monkeypatch.setitem(FORMATS, "objects", row)
    assert list(read(OBJECTS).texts) == [text for text, _ in PAIRS]
    with open_input(OBJECTS) as source:
        assert list(texts(source)) == [text for text, _ in PAIRS]
    with pytest.raises(DataError, match="data of type int cannot be read"):
        read(7)
