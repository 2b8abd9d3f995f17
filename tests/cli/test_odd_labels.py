"""Labels that hold tabs, line breaks, what a terminal obeys, and characters of two cells or none."""

import csv
import io
import json
import shutil

import pytest
from rich.cells import cell_len

from attnclf.runtime.classifier import Classifier

LABELS = ["tab\there\nthere", "\x1b]0;owned\x07escape\x85", "包裹\rдва", 'family  "👩\u200d👩\u200d👧"']
TEXTS = [
    "where is my parcel",
    "",
    "I was charged twice",
    "the app crashes at start",
    "how do I change my name",
    "包裹还没到，" * 20,
    "می‌خواهم 👩\u200d👩\u200d👧 ok",
    "red \x1b[31m alarm\x07",
]


def renamed(model, folder):
    shutil.copytree(model, folder)
    manifest = json.loads((folder / "attnclf.json").read_text(encoding="utf-8"))
    assert len(manifest["labels"]) == len(LABELS)
    manifest["labels"] = LABELS
    (folder / "attnclf.json").write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def odd(model, tmp_path_factory):
    return renamed(model, tmp_path_factory.mktemp("odd") / "model")


@pytest.fixture
def predicted(in_session, odd):
    """What predict prints, with both line ends as they are."""

    def predicted(format, *options):
        done = in_session("predict", "-m", odd, "-f", format, *options, input="\n".join(TEXTS) + "\n")
        assert done.exit_code == 0, done.stderr
        return done.stdout_bytes.decode()

    return predicted


@pytest.fixture(scope="module")
def expected(odd):
    labels = [one.label for one in Classifier.load(odd, device="cpu", threads=1).predict(TEXTS)]
    assert set(labels) == {*LABELS, None}
    return labels


def test_csv_reads_back_whatever_a_label_holds(predicted, expected):
    rows = list(csv.reader(io.StringIO(predicted("csv"), newline="")))
    assert [row[0] or None for row in rows] == expected
    assert all(len(row) == 2 for row in rows)
    rows = list(csv.reader(io.StringIO(predicted("csv", "-k", "4"), newline="")))
    assert [set(row[::2]) for row in rows] == [set(LABELS) if label else {""} for label in expected]


@pytest.mark.parametrize("top", [1, 4])
def test_tsv_has_a_line_for_each_text_and_a_cell_for_each_label(predicted, expected, top):
    lines = predicted("tsv", "-k", top).split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(TEXTS)
    shown = {"tab here there", "\x1b]0;owned\x07escape", "包裹 два", LABELS[3]}
    for line, label in zip(lines, expected, strict=True):
        cells = line.split("\t")
        assert len(cells) == (2 * top if label else 1)
        assert set(cells[::2]) <= shown | {""}
        if top == 4 and label:
            assert set(cells[::2]) == shown


def test_a_table_is_aligned_by_cells_and_shows_what_a_terminal_would_obey(predicted, expected):
    lines = predicted("table").split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(TEXTS)
    assert not set("\x1b\x07\t\r\x85") & set("".join(lines))
    shown = ["tab here there", "␛]0;owned␇escape", "包裹 два", LABELS[3]]
    width = max(map(cell_len, shown))
    for line, label in zip(lines, expected, strict=True):
        if label is None:
            assert line.split() == ["-"]
            continue
        name = shown[LABELS.index(label)]
        score = line.removeprefix(name + " " * (width - cell_len(name)) + " ")[:6]
        assert score.endswith("%")
        assert cell_len(line) <= width + 1 + 6 + 2 + 60
    excerpts = [line.rpartition("%  ")[2] for line in lines]
    assert excerpts[5].endswith("…")
    assert 58 <= cell_len(excerpts[5]) <= 60
    assert excerpts[6:] == [TEXTS[6], "red ␛[31m alarm␇"]


def test_jsonl_keeps_every_label_as_it_is(predicted, expected):
    assert [json.loads(line)["label"] for line in predicted("jsonl").split("\n")[:-1]] == expected


def test_no_label_reaches_the_terminal_with_what_it_would_obey(in_session, odd, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"text": "my parcel", "label": label}) + "\n" for label in [*LABELS, "\x1b[1m"]))
    for arguments in (
        ["info", "-m", odd],
        ["evaluate", rows, "-m", odd],
        ["explain", "-m", odd, "--against", "none"],
    ):
        done = in_session(*arguments, input="my parcel\n")
        said = done.stdout + done.stderr
        assert not set("\x1b\x07\t\r\x85") & set(said)
        assert "␛]0;owned␇escape" in said
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()[-1:]) == 1
    assert done.stderr.splitlines()[-1].startswith("Error: the model has no label 'none'; use one of: tab␉here")
