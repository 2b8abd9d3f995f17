"""Numeric columns in place of a text, from the file to the explanation."""

import csv
import gzip
import json
import shutil

import numpy as np
import pytest
import torch
from attnclf_cli.app import application
from attnclf_cli.train import listed
from safetensors.numpy import load_file
from scipy.special import softmax
from support import shapes_unchecked
from typer.testing import CliRunner

from attnclf.catalog import ARCHITECTURES
from attnclf.config import Config
from attnclf.errors import ConfigError, ExportError
from attnclf.explain.api import explain
from attnclf.export.parity import check_parity
from attnclf.runtime.classifier import Classifier

COLUMNS = ("age", "income", "height")
OPTIONS = (
    *["--architecture", "feature-gate", "--feature-columns", ", ".join(COLUMNS), "--label-column", "plan"],
    *["--device", "cpu", "--epochs", "12", "--set", "training.learning_rate=0.02"],
)


@pytest.fixture(scope="module")
def rows():
    """Age decides; income is of another magnitude and says nothing, nor does the height."""
    generator = np.random.default_rng(0)
    numbers = zip(
        generator.integers(18, 80, 160), generator.normal(5e4, 1e4, 160), generator.normal(1.7, 0.1, 160), strict=True
    )
    return [
        {"id": number, "age": int(age), "income": round(income, 2), "height": round(height, 3),
         "plan": "gold" if age > 48 else "basic"}
        for number, (age, income, height) in enumerate(numbers)
    ]  # fmt: skip


def write_csv(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def data(rows, tmp_path_factory):
    return write_csv(tmp_path_factory.mktemp("data") / "rows.csv", rows)


@pytest.fixture(scope="module")
def trained(one_thread, data, tmp_path_factory):
    """The model folder, and what the training said."""
    out = tmp_path_factory.mktemp("models") / "numbers"
    with shapes_unchecked():
        done = CliRunner().invoke(
            application(), ["train", str(data), "--out", str(out), "--set", "model.gate.form=softmax", *OPTIONS]
        )
    assert done.exit_code == 0, done.output
    return out, done


@pytest.fixture(scope="module")
def folder(trained):
    return trained[0]


def test_training_says_what_it_reads_and_learns_what_decides(trained, data, in_session):
    folder, done = trained
    assert "features = 'age' + 'income' + 'height', label = 'plan'" in done.stderr
    assert "A gate of form softmax over the columns age, income, height" in done.stderr
    assert f"Try: attnclf predict rows.csv -m {folder}" in done.stderr
    assert "it reads texts, and these rows are numbers" in " ".join(done.stdout.split())
    assert not (folder / "tokenizer.json").exists()
    assert "reads the numeric columns `age`, `income`, `height`" in (folder / "README.md").read_text(encoding="utf-8")
    scored = in_session("evaluate", data, "-m", folder, "--label-column", "plan", "-f", "json")
    assert json.loads(scored.stdout)["accuracy"] > 0.9
    described = in_session("info", "-m", folder).stdout
    assert "none; the columns age, income, height" in described
    assert "feature-gate: softmax gate over 3 columns" in described


def test_columns_are_standardised_with_figures_of_the_training_rows_that_the_model_holds(folder, rows):
    weights = load_file(folder / "weights.safetensors")
    every = np.array([[row[name] for name in COLUMNS] for row in rows])
    np.testing.assert_allclose(weights["embedding.mean"], every.mean(axis=0), rtol=0.05)  # of nine tenths of them
    np.testing.assert_allclose(weights["embedding.deviation"], every.std(axis=0), rtol=0.1)


def test_what_explain_shows_gives_the_answer_again(folder):
    classifier, p = Classifier.load(folder, device="cpu", threads=1), load_file(folder / "weights.safetensors")
    text = "age=71, income=48000.5, height=1.6"
    (shown,) = explain(classifier, [text])
    (opened,) = shown.maps
    gates = dict(zip(opened.columns, opened.weights[0], strict=True))
    assert set(gates) == set(text.split(", "))
    x = (np.array([71, 48000.5, 1.6]) - p["embedding.mean"]) / p["embedding.deviation"]
    gate = np.array([gates[said] for said in text.split(", ")])
    np.testing.assert_allclose(gate, softmax(p["gate.w"] @ x + p["gate.b"]), atol=1e-5)
    probabilities = softmax(p["dense.weight"] @ (3 * x * gate) + p["dense.bias"])
    stated = [dict(shown.labels)[label] for label in classifier.labels]
    np.testing.assert_allclose(stated, probabilities, atol=1e-5)
    through = np.abs(x * gate)
    assert [word.text for word in shown.words] == text.split(", ")
    np.testing.assert_allclose([word.weight for word in shown.words], through / through.sum(), atol=1e-5)
    assert max(shown.words, key=lambda word: word.weight).text == "age=71"


@pytest.mark.parametrize("format_", ["csv", "tsv", "jsonl", "csv.gz"])
def test_rows_of_every_format_are_predicted_alike(in_session, folder, rows, tmp_path, format_):
    path, some = tmp_path / f"rows.{format_}", [dict(reversed(row.items())) for row in rows[:5]]  # in another order
    if format_ == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in some), encoding="utf-8")
    else:
        write_csv(path, some)
    if format_ == "tsv":
        path.write_text(path.read_text(encoding="utf-8").replace(",", "\t"), encoding="utf-8")
    if format_ == "csv.gz":
        path.write_bytes(gzip.compress(path.read_bytes()))
    done = in_session("predict", path, "-m", folder)
    assert done.exit_code == 0, done.output
    texts = [", ".join(f"{name}={row[name]}" for name in COLUMNS) for row in some]
    expected = Classifier.load(folder, device="cpu", threads=1).predict(texts)
    assert done.stdout.splitlines() == [f"{one.label}\t{one.score:.4f}" for one in expected]
    assert json.loads(in_session("explain", path, "-m", folder).stdout.splitlines()[0])["text"] == texts[0]


def test_the_commands_that_compare_a_model_read_its_columns(in_session, folder, data, tmp_path):
    own = shutil.copytree(folder, tmp_path / "m")
    made = in_session("export", "-m", own, "--precision", "int8", "--data", data, "--label-column", "plan")
    assert made.exit_code == 0, made.output
    assert "features = 'age' + 'income' + 'height', label = 'plan'" in made.stderr
    assert "of 160 labelled texts" in made.stdout
    timed = in_session("bench", "-m", folder, "--file", data, "--precision", "fp32", "--format", "json")
    assert timed.exit_code == 0, timed.output
    (figures,) = json.loads(timed.stdout)
    assert figures["texts"] == 160


def test_an_answer_does_not_depend_on_the_batch_and_a_blank_line_has_none(folder):
    classifier = Classifier.load(folder, device="cpu", threads=1)
    texts = [f"age={age}, income=5e4, height=1.7" for age in (20, 40, 60)]
    together = classifier.predict([*texts, ""])
    for text, one in zip(texts, together, strict=False):
        (alone,) = classifier.predict([text])
        np.testing.assert_allclose(alone.probabilities, one.probabilities, atol=1e-6)
        np.testing.assert_allclose(alone.attention, one.attention, atol=1e-6)
    assert together[-1].label is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("age,income,height\n3,4,5\n3,,5\n", "line 3: 'income' is missing; repair or remove it"),
        ("age,income,height\n3,4,tall\n", "line 2: 'height' is 'tall', not a number; repair or remove it"),
        ("age,income\n3,4\n", "there is no column 'height'; the columns are 'age', 'income'"),
    ],
)
def test_a_row_that_cannot_be_read_is_one_line_with_its_number(in_session, folder, tmp_path, content, problem):
    (tmp_path / "new.csv").write_text(content, encoding="utf-8")
    for command in ("predict", "explain"):
        done = in_session(command, tmp_path / "new.csv", "-m", folder)
        assert done.exit_code == 1
        assert done.stderr == f"Error: {problem}\n"


def test_lines_and_text_columns_are_refused(in_session, folder, data):
    done = in_session("predict", "-m", folder, input="hello\n")
    assert done.stderr.startswith(
        "Error: the model reads the columns 'age', 'income', 'height', not lines; pass a file"
    )
    done = in_session("predict", data, "-m", folder, "--text-column", "plan")
    assert done.stderr == "Error: a model reads a text or numeric columns, not both; leave out --text-column\n"


def test_bad_rows_are_refused_or_skipped_in_training_and_evaluation(in_session, folder, rows, tmp_path):
    spoiled = [dict(row) for row in rows]
    spoiled[3]["income"], spoiled[7]["age"] = "", "old"
    path = write_csv(tmp_path / "rows.csv", spoiled)
    refused = in_session("train", path, "--out", tmp_path / "m", *OPTIONS)
    assert refused.exit_code == 1
    assert "2 of 160 rows cannot be used: line 5 ('income' is missing), line 9 ('age' is 'old', not a number)" in (
        refused.stderr
    )
    assert "--on-bad-row skip" in refused.stderr
    skipped = in_session("evaluate", path, "-m", folder, "--label-column", "plan", "--on-bad-row", "skip", "-f", "json")
    assert json.loads(skipped.stdout)["rows"] == 158
    assert "Warning: left out line 5: 'income' is missing" in skipped.stderr
    done = in_session(
        "train", path, "--out", tmp_path / "m", *OPTIONS, "--on-bad-row", "skip", "--epochs", "1", "--no-baseline"
    )
    assert done.exit_code == 0, done.output
    assert "2 bad rows left out" in done.stderr


def test_the_parity_gate_sees_a_difference(folder):
    config = Config.from_dict(json.loads((folder / "attnclf.json").read_text(encoding="utf-8"))["config"])
    assert config.model.gate.columns == COLUMNS
    network = ARCHITECTURES["feature-gate"].build(config.model, len(COLUMNS), 2, config.text.max_length).eval()
    network.load_state_dict(
        {name: torch.from_numpy(value) for name, value in load_file(folder / "weights.safetensors").items()}
    )
    assert check_parity(network, folder / "model.onnx", vocabulary=len(COLUMNS), multi_label=False) < 1e-5
    with torch.no_grad():
        network.embedding.mean[0] += 1
    with pytest.raises(ExportError, match="differs from the trained one"):
        check_parity(network, folder / "model.onnx", vocabulary=len(COLUMNS), multi_label=False)


# Settings


def test_names_are_separated_by_commas():
    assert listed("age, income ,x") == ["age", "income", "x"]


@pytest.mark.parametrize("names", ["", " , "])
def test_no_names_are_not_the_same_as_no_option(in_session, data, tmp_path, names):
    done = in_session("train", data, "-o", tmp_path / "m", "--architecture", "feature-gate", "--feature-columns", names)
    assert done.exit_code == 1
    assert done.stderr.endswith(f"Error: --feature-columns {names!r} names no column; write it as age,income\n")


def test_its_explanations_cannot_be_evaluated(in_session, folder, data):
    done = in_session("evaluate", data, "-m", folder, "--label-column", "plan", "--explanations")
    problem = "numbers cannot be taken out of a row of columns; leave --explanations out"
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"Error: {problem}\n")


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"model": {"gate": {"columns": ["age"]}}}, "'temporal' has nothing that model.gate could set"),
        ({"model": {"architecture": "feature-gate", "gate": {"columns": ["a", "a"]}}}, "names a column twice; name"),
        ({"model": {"architecture": "feature-gate", "gate": {"columns": "age"}}}, r"give it a list, such as \[\"age\""),
        ({"model": {"architecture": "feature-gate", "gate": {"columns": [1]}}}, "is 1; give it a text"),
        (
            {"model": {"architecture": "feature-gate", "gate": {"columns": ["a"], "features": 9}}},
            "leave one of the two",
        ),
        (
            {"model": {"architecture": "feature-gate", "gate": {"columns": ["a"]}}, "text": {"unit": "character"}},
            "no text is read; leave out the settings of text",
        ),
    ],
)
def test_settings_that_do_not_go_with_columns_are_refused(said, problem):
    with pytest.raises(ConfigError, match=problem):
        Config.from_dict(said)


def test_a_column_that_is_the_label_or_is_not_there_is_refused(in_session, data, tmp_path):
    command = ["train", data, "--out", tmp_path / "m", "--architecture", "feature-gate", "--label-column", "plan"]
    done = in_session(*command, "--feature-columns", "age,plan")
    assert done.stderr.endswith("column 'plan' cannot be both feature and label; name two different columns\n")
    done = in_session(*command, "--feature-columns", "age,hight")
    assert "there is no column 'hight'; did you mean 'height'?" in done.stderr
