"""`attnclf export` and `attnclf bench`, and the option --precision of the commands that run a model."""

import json
import shutil

import numpy as np
import pytest


@pytest.fixture(scope="module")
def folder(attnclf, model, examples, tmp_path_factory):
    """A model folder with an int8 network, made by the command."""
    folder = shutil.copytree(model, tmp_path_factory.mktemp("int8") / "model")
    done = attnclf("export", "-m", folder, "--precision", "int8", "--data", examples / "tickets" / "tickets.csv")
    assert done.returncode == 0, done.stderr
    size, difference, labels, score = done.stdout.splitlines()
    assert size.endswith("in int8")
    assert float(difference.split()[-1]) < 0.05
    assert "of 360 labelled texts" in labels
    assert score.startswith("score")
    assert f"Wrote {folder / 'model.int8.onnx'}" in done.stderr
    return folder


def refused(done, *words):
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    "command", [["predict"], ["explain"], ["evaluate", "ROWS"], ["bench"], ["export", "--to", "X"]]
)
def test_a_precision_that_is_not_there_is_one_line_with_the_remedy(in_session, model, examples, command):
    command = [str(examples / "tickets" / "tickets.csv") if word == "ROWS" else word for word in command]
    done = in_session(*command, "-m", model, "--precision", "int8", input="x\n")
    refused(done, "has no int8 network", f"attnclf export --model {model} --precision int8")


def test_predict_explain_and_evaluate_run_the_int8_network(in_session, folder, examples):
    lines = "my parcel is late\nI was charged twice\n"
    answers = {}
    for precision in ("fp32", "int8"):
        done = in_session("predict", "-m", folder, "-f", "jsonl", "--precision", precision, input=lines)
        answers[precision] = [json.loads(line)["score"] for line in done.stdout.splitlines()]
        done = in_session("explain", "-m", folder, "-f", "json", "--precision", precision, input=lines)
        words = json.loads(done.stdout.splitlines()[0])["tokens"]
        assert sum(word["weight"] for word in words) == pytest.approx(1, abs=1e-4)
        rows = examples / "tickets" / "tickets.csv"
        done = in_session("evaluate", rows, "-m", folder, "-f", "json", "--precision", precision)
        answers[precision].append(json.loads(done.stdout)["accuracy"])
    assert answers["int8"] != answers["fp32"]
    assert answers["int8"] == pytest.approx(answers["fp32"], abs=0.05)


def test_info_lists_the_precisions(in_session, model, folder):
    assert json.loads(in_session("info", "-m", model, "-f", "json").stdout)["precisions"] == ["fp32"]
    assert json.loads(in_session("info", "-m", folder, "-f", "json").stdout)["precisions"] == ["fp32", "int8"]
    assert "precision  fp32, int8" in in_session("info", "-m", folder).stdout


@pytest.mark.parametrize(("precision", "name"), [("fp32", "model.onnx"), ("int8", "model.int8.onnx")])
def test_a_network_is_copied_out_as_it_is(in_session, folder, tmp_path, precision, name):
    done = in_session("export", "-m", folder, "--precision", precision, "--to", tmp_path / "out.onnx")
    assert done.exit_code == 0
    assert (tmp_path / "out.onnx").read_bytes() == (folder / name).read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["out.onnx"]


def test_an_export_that_makes_no_sense_is_one_line(in_session, folder, tmp_path):
    refused(in_session("export", "-m", folder), "every model has an fp32 network")
    refused(in_session("export", "-m", folder, "--to", tmp_path / "x", "--data", "rows.csv"), "leave one of them out")
    refused(in_session("export", "-m", folder, "--to", tmp_path / "no" / "x"), "cannot write", "pass another --to")
    refused(in_session("export", "-m", folder, "--to", tmp_path), "is a folder", "name a file: --to")
    refused(in_session("export", "-m", tmp_path / "none", "--precision", "int8"), "there is no model folder")


def test_no_file_of_the_model_is_written_over(in_session, folder):
    before = (folder / "model.onnx").read_bytes()
    for target in (folder / "model.onnx", folder / "report" / ".." / "copy.onnx"):
        done = in_session("export", "-m", folder, "--precision", "int8", "--to", target)
        refused(done, "is in the model folder", "pass another --to")
    assert (folder / "model.onnx").read_bytes() == before


def test_rows_without_a_label_of_the_model_measure_no_loss(in_session, model, examples, tmp_path):
    folder = shutil.copytree(model, tmp_path / "model")
    done = in_session("export", "-m", folder, "--precision", "int8", "--data", examples / "intents-ru" / "intents.txt")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].startswith("Error: no row has a label of this model")
    assert not (folder / "model.int8.onnx").exists()


def test_figures_of_many_networks_stand_below_each_other_where_they_do_not_fit():
    from attnclf_cli.bench import _blocks

    lines = {"texts a second": ["1,000 (900-1,100)"] * 3, "peak memory": ["104 MiB"] * 3}
    assert list(_blocks(lines, 80)) == [[0, 1, 2]]
    assert list(_blocks(lines, 60)) == [[0, 1], [2]]
    assert list(_blocks(lines, 5)) == [[0], [1], [2]]


@pytest.mark.parametrize("size", [1, 3])
def test_the_batch_size_changes_no_answer(in_session, model, tickets, size):
    lines = "\n".join(tickets[:20]) + "\n\n"
    done = in_session("predict", "-m", model, "-f", "jsonl", "--batch-size", size, input=lines)
    expected = in_session("predict", "-m", model, "-f", "jsonl", input=lines)
    for one, other in zip(done.stdout.splitlines(), expected.stdout.splitlines(), strict=True):
        one, other = json.loads(one), json.loads(other)
        assert one["label"] == other["label"]
        assert one["score"] == pytest.approx(other["score"], abs=1e-5)


def test_bench_measures_every_precision_in_figures_that_agree(attnclf, folder, tmp_path):
    (tmp_path / "texts.txt").write_text("my parcel is late\n\nI was charged twice for it\n" * 50)
    done = attnclf("bench", "-m", folder, "--file", tmp_path / "texts.txt", "--device", "cpu", "-f", "json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [(row["precision"], row["device"]) for row in rows] == [("fp32", "cpu"), ("int8", "cpu")]
    for row in rows:
        assert (row["texts"], row["mean_units"]) == (100, 5)
        for name in ("lines", "tokens", "session_tokens"):
            assert 0 < row[name]["min"] <= row[name]["median"] <= row[name]["max"]
        assert row["tokens"]["median"] == pytest.approx(5 * row["lines"]["median"])
        assert 0 < row["p50"] <= row["p99"]
        assert 20e6 < row["memory"] < 2e9


def test_bench_without_a_file_makes_texts_and_a_table(attnclf, model):
    done = attnclf("bench", "-m", model, "--precision", "fp32", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    heading, *lines, note = done.stdout.splitlines()
    assert heading.strip() == "fp32 on cpu"
    assert lines[0].startswith("texts a second")
    assert "peak memory" in lines[-1]
    assert "median of five rounds" in note


def test_bench_reads_no_pipe(in_session, model):
    done = in_session("bench", "-m", model, "--file", "-")
    assert done.returncode == 1
    assert "which a pipe cannot give; name a file" in done.stderr


def test_bench_of_a_file_without_texts_is_one_line(attnclf, model, tmp_path):
    (tmp_path / "blank.txt").write_text("\n \n")
    done = attnclf("bench", "-m", model, "--file", tmp_path / "blank.txt")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("has no texts; name a file with one text a line\n")


def test_made_texts_are_in_the_models_language_and_as_long_as_its_own(classifier, multi_classifier):
    from attnclf.runtime.samples import made_for

    for one, letters in ((classifier, "etaoin"), (multi_classifier, "оеаинт")):
        texts = made_for(one, 400)
        assert texts == made_for(one, 400)
        assert len(set(texts)) > 300
        lengths = [len(one.tokenizer.pieces(text)) for text in texts]
        mean = one.bundle.manifest["training"]["units"]
        assert np.mean(lengths) == pytest.approx(mean, rel=0.1)
        assert min(lengths) >= 1
        assert sum(text.lower().count(letter) for text in texts for letter in letters) > 0.3 * sum(map(len, texts))


def test_a_method_with_gradients_says_that_they_are_those_of_the_fp32_network(in_session, folder, examples):
    asked = ["-m", folder, "--method", "gradient-x-input"]
    note = "Note: gradient-x-input: gradients are those of the fp32 network, labels and scores those of int8"
    explain = ["explain", *asked, "-f", "json"]
    assert note in in_session(*explain, "--precision", "int8", input="my parcel\n").stderr.splitlines()
    assert "Note: gradient" not in in_session(*explain, input="my parcel\n").stderr
    data = examples / "tickets" / "tickets.csv"
    evaluate = ["evaluate", data, *asked, "--explanations", "--explain-rows", "2", "--precision", "int8"]
    assert note in in_session(*evaluate).stderr.splitlines()
