"""`--architecture` from the file to the explanation, and `attnclf mechanisms`."""

import csv
import dataclasses
import io
import json

import numpy as np
import pytest

from attnclf.catalog import ALIGNMENTS, ARCHITECTURES, CONTEXTS, SCORES
from attnclf.runtime.classifier import Classifier
from attnclf.training import mechanisms

ROWS = [
    (f"{opening} {rest}", label)
    for label, rests in {"food": ["soup with bread", "a bowl of rice"], "cars": ["a red car", "four new tyres"]}.items()
    for rest in rests
    for opening in ("I want", "Please tell me of", "Nobody likes", "We saw")
]
SMALL = [
    "--preset", "plain", "--no-baseline", "--device", "cpu", "--epochs", "3", "-q", "--set", "model.embedding.dim=8",
    "--set", "text.max_length=6", "--set", "text.min_frequency=1",
]  # fmt: skip


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "rows.tsv"
    path.write_text("\n".join(["text\tlabel", *map("\t".join, ROWS)]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "choice",
    [pytest.param(["--architecture", "NAME"], marks=pytest.mark.long), ["--set", "model.architecture=NAME"]],
    ids=["by an option", "by a setting"],
)
def test_an_architecture_is_trained_described_and_runs_under_every_command(in_session, data, tmp_path, choice):
    name = "self-attention" if choice[0] == "--architecture" else "recurrent-self-attention"
    out = tmp_path / "model"
    done = in_session("train", data, "--out", out, *SMALL, *(word.replace("NAME", name) for word in choice))
    assert done.exit_code == 0, done.output

    manifest = json.loads((out / "attnclf.json").read_text(encoding="utf-8"))
    assert manifest["architecture"] == manifest["config"]["model"]["architecture"] == name
    assert manifest["pictures"] == "heads"
    assert manifest["config"]["training"]["learning_rate"] == 0.002
    described = in_session("info", "-m", out)
    assert f"{name}: " in described.stdout
    assert "x 4 heads" in described.stdout
    assert ("lstm 64 wide" in described.stdout) == (name == "recurrent-self-attention")

    predicted = in_session("predict", "-m", out, input="soup with bread\n\na red car\n")
    assert [line.split("\t")[0] in ("food", "cars") for line in predicted.stdout.splitlines()] == [True, False, True]
    (explained,) = map(json.loads, in_session("explain", "-m", out, input="a red car\n").stdout.splitlines())
    assert [word["text"] for word in explained["tokens"]] == ["a", "red", "car"]
    scored = in_session("evaluate", data, "-m", out, "-f", "json")
    assert json.loads(scored.stdout)["rows"] == len(ROWS)

    classifier = Classifier.load(out, device="cpu", threads=1)
    short, blank, long = classifier.predict(["red car", "", "soup " * 9], named=["self_attention"])
    layers = {"self-attention": 2, "recurrent-self-attention": 1}[name]
    assert short.named["self_attention"].shape == (layers, 4, 2, 2)
    assert long.named["self_attention"].shape == (layers, 4, 6, 6)
    np.testing.assert_allclose(long.named["self_attention"].sum(axis=-1), 1, atol=1e-5)
    assert blank.named == {}
    assert [one.truncated for one in (short, blank, long)] == [False, False, True]
    assert classifier.predict(["red car"])[0].named == {}


def test_an_architecture_that_nobody_knows_is_a_wrong_use(in_session, data, tmp_path):
    done = in_session("train", data, "--out", tmp_path / "model", "--architecture", "transformer")
    assert done.exit_code == 2
    assert "self-attention" in done.output


def test_settings_of_another_architecture_are_one_line(in_session, data, tmp_path):
    done = in_session("train", data, "--out", tmp_path / "model", "--set", "model.transformer.layers=3")
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert "use architecture: self-attention, recurrent-self-attention" in done.stderr


# What was not read


def test_predict_counts_the_texts_it_did_not_read_to_the_end(in_session, model, classifier):
    longest = classifier.tokenizer.max_length
    lines = ["x " * longest, "x " * (longest + 1), "short", "", "x " * (3 * longest)]
    done = in_session("predict", "-m", model, "-f", "tsv", input="\n".join(lines) + "\n")
    assert done.stderr == f"Note: 2 of 5 texts were read up to their first {longest} units only\n"
    assert len(done.stdout.splitlines()) == 5
    assert in_session("predict", "-m", model, "-f", "tsv", input="x " * longest + "\n").stderr == ""


def test_train_counts_the_texts_it_does_not_read_to_the_end(in_session, tmp_path):
    path = tmp_path / "rows.tsv"
    rows = [(f"{'x ' * (5 + number % 3)}{number}", "ab"[number % 2]) for number in range(30)]  # 6, 7 or 8 units
    path.write_text("\n".join(["text\tlabel", *map("\t".join, rows)]) + "\n", encoding="utf-8")
    done = in_session(
        "train", path, "--valid", path, "--out", tmp_path / "model", "--preset", "plain", "--no-baseline",
        "--epochs", "1", "--set", "model.embedding.dim=4", "--set", "text.max_length=7", "--device", "cpu",
    )  # fmt: skip
    assert "Note: 10 of 30 texts are read up to their first 7 tokens only" in done.stderr


# attnclf mechanisms


def everything():
    tables = (("score", SCORES), ("alignment", ALIGNMENTS), ("context", CONTEXTS), ("architecture", ARCHITECTURES))
    return [(kind, name, row.formula, row.source) for kind, table in tables for name, row in table.items()]


def test_every_mechanism_is_listed_with_formula_and_source(in_session):
    done = in_session("mechanisms")
    assert done.returncode == 0
    assert [tuple(line.split("\t")) for line in done.stdout.splitlines()] == everything()
    assert done.stderr == ""


def test_the_list_is_a_table_on_a_terminal_and_one_array_in_json(in_session):
    records = json.loads(in_session("mechanisms", "--format", "json").stdout)
    assert [tuple(record.values()) for record in records] == everything()
    assert list(records[0]) == ["kind", "name", "formula", "source"]
    table = in_session("mechanisms", "--format", "table").stdout
    assert "recurrent-self-attention" in table
    assert "additive" in table


def test_only_what_is_named_is_listed_and_an_unknown_name_is_told_the_known_ones(in_session):
    done = in_session("mechanisms", "hard", "self-attention", "--format", "tsv")
    assert [row[:2] for row in csv.reader(io.StringIO(done.stdout), delimiter="\t")] == [
        ["alignment", "hard"],
        ["context", "hard"],
        ["architecture", "self-attention"],
    ]
    done = in_session("mechanisms", "softest")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: unknown mechanism 'softest'; use one of: additive, ")


# The others are taken there by tests of their own: the model of the tests, the two above, the decoder's command.
@pytest.mark.parametrize(
    "names",
    [["feed-forward", "feature-gate"], pytest.param(list(ARCHITECTURES), marks=pytest.mark.long, id="all")],
    ids=" ".join,
)
def test_the_check_takes_architectures_from_rows_to_an_explanation(in_session, names):
    done = in_session("mechanisms", *names, "--check", "--format", "json")
    records = [record for record in json.loads(done.stdout) if record["kind"] != "score"]
    assert {record["name"]: record["check"] for record in records} == dict.fromkeys(names, "ok")
    assert done.exit_code == 0


def test_a_mechanism_that_fails_is_named_with_its_reason_and_the_others_are_tried(in_session, monkeypatch):
    broken = dataclasses.replace(SCORES["dot"], function=lambda query: query, inputs=("query",))
    monkeypatch.setitem(SCORES, "dot", broken)
    done = in_session("mechanisms", "dot", "sparsemax", "--check", "--format", "json")
    dot, sparsemax = json.loads(done.stdout)
    assert done.exit_code == 1
    assert dot["name"] == "dot"
    assert dot["check"] != "ok"
    assert sparsemax["check"] == "ok"


def test_every_row_has_a_trial_that_chooses_it():
    for row in mechanisms.mechanisms():
        chosen = row.settings if row.kind == "architecture" else row.settings["attention"]
        assert chosen[row.kind] == row.name
