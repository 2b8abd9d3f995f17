"""`attnclf evaluate` and `attnclf info`: the figures are those of predict, the description that of the folder."""

import csv
import json
import shutil

import pytest


@pytest.fixture(scope="module")
def rows(examples):
    with (examples / "tickets" / "tickets.csv").open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def multi_rows(examples):
    lines = (examples / "intents-ru" / "multi.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def figures(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def f1(true, given, label):
    """F1 of a label from pairs of label sets: 2 hits / (rows that have it + rows that got it)."""
    hits = sum(label in mine and label in theirs for mine, theirs in zip(true, given, strict=True))
    return 2 * hits / max(sum(label in mine for mine in true) + sum(label in theirs for theirs in given), 1)


def test_the_figures_are_those_of_predicts_output(attnclf, model, examples, rows, tmp_path):
    # The model knows these rows: of every seventh another label is said to be the true one.
    names = sorted({label for _, label in rows})
    following = dict(zip(names, [*names[1:], names[0]], strict=True))
    rows = [(text, label if number % 7 else following[label]) for number, (text, label) in enumerate(rows)]
    with (tmp_path / "in.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    scored = figures(attnclf("evaluate", tmp_path / "in.csv", "-m", model, "-f", "json"))
    assert {"rows", "accuracy", "macro_f1", "micro_f1", "per_label", "confusion"} <= set(scored)
    done = attnclf("predict", tmp_path / "in.csv", "-m", model, "-f", "jsonl", "--text-column", "text")
    given = [json.loads(line)["label"] for line in done.stdout.splitlines()]
    true = [label for _, label in rows]
    labels = sorted(set(true))
    assert scored["rows"] == len(rows) == len(given)
    assert scored["unknown"] == 0
    accuracy = sum(mine == theirs for mine, theirs in zip(true, given, strict=True)) / len(rows)
    assert 0.3 < accuracy < 1  # so that neither all nor nothing is right
    assert scored["accuracy"] == scored["micro_f1"] == pytest.approx(accuracy)
    scores = {label: f1([{one} for one in true], [{one} for one in given], label) for label in labels}
    assert {name: one["f1"] for name, one in scored["per_label"].items()} == pytest.approx(scores)
    assert scored["macro_f1"] == pytest.approx(sum(scores.values()) / len(labels))
    assert scored["confusion"] == [
        [sum(pair == (mine, theirs) for pair in zip(true, given, strict=True)) for theirs in labels] for mine in labels
    ]


def test_the_figures_of_several_labels_are_those_of_predicts_output(in_session, multi_model, examples, multi_rows):
    path = examples / "intents-ru" / "multi.jsonl"
    scored = figures(in_session("evaluate", path, "-m", multi_model, "-f", "json"))
    done = in_session("predict", path, "-m", multi_model, "-f", "jsonl", "--text-column", "text")
    given = [{pair["label"] for pair in json.loads(line)["labels"]} for line in done.stdout.splitlines()]
    true = [set(row["labels"]) for row in multi_rows]
    assert scored["rows"] == len(given) == len(true)
    hits = sum(len(mine & theirs) for mine, theirs in zip(true, given, strict=True))
    assert scored["micro_f1"] == pytest.approx(2 * hits / (sum(map(len, true)) + sum(map(len, given))))
    assert scored["accuracy"] == pytest.approx(sum(map(set.__eq__, true, given)) / len(true))
    for label, one in scored["per_label"].items():
        assert one["f1"] == pytest.approx(f1(true, given, label))
    assert scored["confusion"] is None


def test_rows_with_a_label_that_the_model_does_not_know_count_as_wrong(in_session, model, rows, tmp_path):
    path = tmp_path / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows[:20], *((text, "astronomy") for text, _ in rows[20:30])])
    scored = figures(in_session("evaluate", path, "-m", model, "-f", "json"))
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows[:20]])
    known = figures(in_session("evaluate", path, "-m", model, "-f", "json"))
    assert (scored["rows"], scored["unknown"]) == (30, 10)
    assert scored["accuracy"] == pytest.approx(known["accuracy"] * 20 / 30)


def test_a_label_of_several_that_the_model_does_not_know_counts_as_wrong(in_session, multi_model, multi_rows, tmp_path):
    path = tmp_path / "rows.jsonl"

    def scored(extra):
        lines = [json.dumps({**row, "labels": [*row["labels"], *extra]}) for row in multi_rows]
        path.write_text("\n".join(lines) + "\n")
        return figures(in_session("evaluate", path, "-m", multi_model, "-f", "json"))

    known, unknown = scored([]), scored(["астрономия"])
    assert known["accuracy"] > 0
    assert unknown["unknown"] == unknown["rows"] == len(multi_rows)
    assert unknown["accuracy"] == 0
    assert unknown["micro_f1"] < known["micro_f1"]


def test_on_a_page_the_figures_stand_in_a_table(in_session, model, examples):
    done = in_session("evaluate", examples / "tickets" / "tickets.csv", "-m", model)
    assert done.returncode == 0
    for words in ("accuracy", "macro-F1", "account", "billing"):
        assert words in done.stdout
    assert "tickets.csv: csv, 360 rows" in done.stderr


def test_rows_of_several_labels_are_refused_by_a_model_of_one(in_session, model, examples):
    done = in_session("evaluate", examples / "intents-ru" / "multi.jsonl", "-m", model)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("Error: these rows have several labels each")


def test_bad_rows_are_named_and_left_out_when_asked(in_session, model, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,label\nmy card,billing\nno label,\nno parcel,delivery\n")
    done = in_session("evaluate", path, "-m", model)
    assert (done.returncode, done.stdout) == (1, "")
    assert "line 3" in done.stderr
    done = in_session("evaluate", path, "-m", model, "-f", "json", "--on-bad-row", "skip")
    assert figures(done)["rows"] == 2
    assert "Warning: left out line 3" in done.stderr


def test_of_many_bad_rows_the_first_are_named_and_the_others_counted(in_session, model, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,label\nmy card,billing\n" + "no label,\n" * 1204 + "no parcel,delivery\n")
    done = in_session("evaluate", path, "-m", model, "-f", "json", "--on-bad-row", "skip")
    assert figures(done)["rows"] == 2
    warnings = [line for line in done.stderr.splitlines() if line.startswith("Warning: left out")]
    assert warnings == [
        *(f"Warning: left out line {number}: the label is missing" for number in range(3, 8)),
        "Warning: left out 1,199 more",
    ]


def test_a_missing_file_is_one_line(attnclf, model):
    done = attnclf("evaluate", "none.csv", "-m", model)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: none.csv does not exist")
    assert len(done.stderr.splitlines()) == 1


def test_info_gives_the_manifest_and_where_it_would_run(in_session, model):
    described = figures(in_session("info", "-m", model, "-f", "json", "--device", "cpu"))
    manifest = json.loads((model / "attnclf.json").read_text())
    assert {name: described[name] for name in manifest} == manifest
    assert described["device"] == "cpu"
    assert described["bytes"] == sum(path.stat().st_size for path in model.rglob("*") if path.is_file())


def test_info_on_a_page_names_labels_network_and_scores(in_session, model, multi_model):
    for folder, words in (
        (model, ["single-label, 4 labels", "account, billing, delivery, technical", "lstm 8 wide", "accuracy"]),
        (multi_model, ["multi-label", "вода", "micro-F1"]),
    ):
        done = in_session("info", "-m", folder)
        assert (done.returncode, done.stderr) == (0, "")
        for word in words:
            assert word in done.stdout


def test_info_checks_every_file(in_session, model, tmp_path):
    copy = shutil.copytree(model, tmp_path / "copy")
    (copy / "report" / "report.md").write_text("all is well")
    done = in_session("info", "-m", copy)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert "report.md was changed or damaged" in done.stderr
    assert len(done.stderr.splitlines()) == 1
