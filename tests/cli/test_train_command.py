"""`attnclf train`: every kind of input, every refusal, and what it writes."""

import csv
import json

import pytest

from attnclf.runtime.classifier import Classifier

SETTINGS = [
    "--preset", "plain", "--no-baseline", "--device", "cpu", "--epochs", "2", "--set", "training.min_steps=1",
    "--set", "model.embedding.dim=8", "--set", "model.encoder.hidden=4",
]  # fmt: skip

ROWS = [
    (f"{opening} {rest}", label)
    for label, rests in {
        "food": ["soup with bread", "a bowl of rice", "salty cheese", "fresh apples and pears"],
        "cars": ["a red car", "the engine is loud", "four new tyres", "brakes and gears"],
    }.items()
    for rest in rests
    for opening in ("I want", "Please tell me of", "Nobody likes")
]


def as_csv(folder):
    path = folder / "rows.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *ROWS])
    return path


def as_tsv(folder):
    path = folder / "rows.tsv"
    path.write_text("\n".join(["text\tlabel", *map("\t".join, ROWS)]) + "\n")
    return path


def as_jsonl(folder):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in ROWS))
    return path


def as_fasttext(folder):
    path = folder / "rows.txt"
    path.write_text("".join(f"__label__{label} {text}\n" for text, label in ROWS))
    return path


def as_folder(folder):
    for number, (text, label) in enumerate(ROWS):
        path = folder / "rows" / label / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "rows"


@pytest.mark.parametrize(
    "write",
    [as_csv, *(pytest.param(one, marks=pytest.mark.long) for one in (as_tsv, as_jsonl, as_fasttext)), as_folder],
)
def test_each_kind_of_file_makes_a_model_that_predicts(in_session, tmp_path, write):
    done = in_session("train", write(tmp_path), "-o", tmp_path / "m", *SETTINGS)
    assert done.exit_code == 0, done.output
    assert "24 rows" in done.stderr
    assert "22 rows to learn from, 2 set aside for validation" in done.stderr
    assert [line.split()[1] for line in done.stderr.splitlines() if line.startswith("epoch")] == ["1/2", "2/2"]
    assert "accuracy" in done.stdout
    classifier = Classifier.load(tmp_path / "m")
    assert classifier.labels == ("cars", "food")
    assert classifier.predict(["a red car"])[0].label in classifier.labels


def test_rows_from_a_pipe_make_a_model(in_session, tmp_path):
    done = in_session("train", "-", "-o", tmp_path / "m", *SETTINGS, input=as_tsv(tmp_path).read_bytes())
    assert done.exit_code == 0, done.stderr
    assert "stdin: tsv, 24 rows" in done.stderr
    assert Classifier.load(tmp_path / "m").labels == ("cars", "food")


@pytest.mark.long
def test_rows_from_a_pipe_make_a_model_in_a_fresh_process(attnclf, tmp_path):
    (tmp_path / "temporary").mkdir()
    done = attnclf(
        "train", "-", "-o", tmp_path / "m", *SETTINGS,
        input=as_tsv(tmp_path).read_bytes(), env={"TMPDIR": str(tmp_path / "temporary")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "stdin: tsv, 24 rows" in done.stderr
    assert f"attnclf predict -m {tmp_path / 'm'}" in done.stderr.replace("\n", "")
    assert Classifier.load(tmp_path / "m").labels == ("cars", "food")
    assert list((tmp_path / "temporary").glob("attnclf-*")) == []


def test_several_labels_a_row_make_a_multi_label_model(multi_model):
    manifest = json.loads((multi_model / "attnclf.json").read_text())
    assert manifest["task"] == "multi-label"
    assert len(manifest["thresholds"]) == len(manifest["labels"]) > 2


def test_a_separator_makes_several_labels_of_one_cell(in_session, tmp_path):
    path = tmp_path / "rows.csv"
    lines = ["text,label", *(f'"{text}","{label};all"' for text, label in ROWS)]
    path.write_text("\n".join(lines) + "\n")
    done = in_session("train", path, "-o", tmp_path / "m", "--label-separator", ";", *SETTINGS)
    assert done.exit_code == 0, done.output
    classifier = Classifier.load(tmp_path / "m")
    assert classifier.multi_label
    assert classifier.labels == ("all", "cars", "food")


def test_the_files_for_choosing_and_testing_are_used_as_given(in_session, tmp_path):
    path = as_csv(tmp_path)
    done = in_session("train", path, "-o", tmp_path / "m", "--valid", path, "--test", path, *SETTINGS)
    assert done.exit_code == 0, done.output
    metrics = json.loads((tmp_path / "m" / "attnclf.json").read_text())["metrics"]
    assert {split: figures["rows"] for split, figures in metrics.items()} == {"valid": 24, "test": 24}
    assert "set aside" not in done.stderr
    assert "the test score looks better than it is" in done.stderr.replace("\n", " ")


def test_labels_seen_only_in_the_test_file_are_named(in_session, tmp_path):
    (tmp_path / "test.csv").write_text("text,label\nmy cat,animals\na red car,cars\n")
    done = in_session("train", as_csv(tmp_path), "-o", tmp_path / "m", "--test", tmp_path / "test.csv", *SETTINGS)
    assert done.exit_code == 0, done.output
    assert "labels that the training data does not (animals: 1): they count as wrong" in done.stderr
    metrics = json.loads((tmp_path / "m" / "attnclf.json").read_text())["metrics"]
    assert metrics["test"]["accuracy"] <= 0.5
    assert metrics["test"]["unknown"] == 1


def test_a_setting_on_the_line_wins_over_the_file_and_the_file_over_the_preset(in_session, tmp_path):
    (tmp_path / "settings.toml").write_text("[model.encoder]\nhidden = 6\ncell = 'gru'\n[text]\nmax_length = 9\n")
    done = in_session(
        "train", as_csv(tmp_path), "-o", tmp_path / "m", "--config", tmp_path / "settings.toml", *SETTINGS,
        "--set", "text.unit=character", "--seed", "7",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    config = json.loads((tmp_path / "m" / "attnclf.json").read_text())["config"]
    assert config["model"]["encoder"]["cell"] == "gru"
    assert config["model"]["encoder"]["hidden"] == 4  # SETTINGS sets it
    assert config["text"]["max_length"] == 9
    assert config["text"]["unit"] == "character"
    assert config["training"]["seed"] == 7
    assert config["training"]["epochs"] == 2


def test_texts_that_are_all_the_same_cannot_be_set_aside(in_session, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n" + "good day,food\nbad day,cars\n" * 30)
    refused(
        in_session("train", path, "--out", tmp_path / "m", *SETTINGS),
        "no text can be set aside for validation: each has a label that no other one has; add rows, or pass a file as",
    )


@pytest.fixture(scope="module")
def complete(attnclf, examples, tmp_path_factory):
    """A training as a newcomer does it, baseline included, and its model."""
    out = tmp_path_factory.mktemp("complete") / "m"
    data = examples / "tickets" / "tickets.csv"
    settings = [word for word in SETTINGS if word != "--no-baseline"]
    return attnclf("train", data, "-o", out, "--quiet", *settings), out


def test_quiet_says_nothing_when_all_is_well(complete):
    done, _ = complete
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_model_folder_is_complete_and_holds_nothing_that_executes(complete):
    _, out = complete
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert {"attnclf.json", "tokenizer.json", "weights.safetensors", "model.onnx", "README.md"} <= files
    assert {"report/metrics.json", "report/report.md", "report/learning_curve.svg", "report/confusion.svg"} <= files
    assert {path.rpartition(".")[2] for path in files} <= {"json", "safetensors", "onnx", "md", "svg"}
    for name in files:
        assert not (out / name).read_bytes().startswith((b"\x80", b"PK"))  # a pickle, or torch's zip of pickles
    manifest = json.loads((out / "attnclf.json").read_text())
    assert set(manifest["checksums"]) == files - {"attnclf.json"}
    assert list(out.parent.iterdir()) == [out]


def test_the_report_compares_with_the_baseline(complete):
    _, out = complete
    assert "linear baseline" in (out / "report" / "report.md").read_text()


def refused(done, *words):
    """The one line of a command that could not work, in this process."""
    assert done.exit_code == 1, done.output
    assert done.stdout == ""
    line = done.stderr.splitlines()[-1]
    assert line.startswith("Error: ")
    for word in words:
        assert word in line
    assert [other for other in done.stderr.splitlines() if other.startswith("Error")] == [line]


def test_bad_rows_are_refused_by_number_and_left_out_when_asked(in_session, tmp_path):
    path = as_csv(tmp_path)
    lines = path.read_text().splitlines()
    lines[3:3] = [",cars", "no label,"]
    path.write_text("\n".join([*lines, "one,two,three"]) + "\n")
    line = ["train", path, "-o", tmp_path / "m", *SETTINGS]
    refused(in_session(*line), "line 4", "line 5", "line 28", "--on-bad-row skip")
    assert not (tmp_path / "m").exists()
    done = in_session(*line, "--on-bad-row", "skip")
    assert done.exit_code == 0, done.output
    for place in ("line 4", "line 5", "line 28"):
        assert f"Warning: left out {place}" in done.stderr
    assert json.loads((tmp_path / "m" / "attnclf.json").read_text())["training"]["rows"] == 22


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("".join(f"text {number},same\n" for number in range(20)), "one class only"),
        ("one,a\ntwo,b\n", "2 rows are too few to learn from"),
        ("", "no rows"),
        ("".join(f"text {number},label {number}\n" for number in range(20)), "has one row only"),
    ],
    ids=["one class", "two rows", "no rows", "every row its own label"],
)
def test_rows_that_cannot_be_learned_from_are_refused(in_session, tmp_path, rows, words):
    (tmp_path / "rows.csv").write_text("text,label\n" + rows)
    refused(in_session("train", tmp_path / "rows.csv", "-o", tmp_path / "m", *SETTINGS), words)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "training.seed=-1"], ["training.seed is -1"]),
        (["--seed", "99999999999999999999"], ["training.seed is 99999999999999999999"]),
        (["--set", "training.precision=fp16"], ["a CPU does not learn in fp16", "bf16 or fp32"]),
        (["--set", "training=5"], ["training is 5", "set what is in it: training.epochs"]),
        (["--set", "model.embedding=3", "--vectors", "x.vec"], ["model.embedding is 3"]),
        (["--label-separator", ""], ["--label-separator is empty"]),
        (["--out", "rows.csv/m"], ["cannot write rows.csv/m", "pass another --out"]),
        (["--out", "."], ["the folder you are in cannot become a model", "--out model"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_what_cannot_work_is_said_before_anything_is_learned(in_session, tmp_path, monkeypatch, options, words):
    as_csv(tmp_path)
    monkeypatch.chdir(tmp_path)
    refused(in_session("train", "rows.csv", "--out", "m", *SETTINGS, *options), *words)
    assert {entry.name for entry in tmp_path.iterdir()} == {"rows.csv"}


def test_a_path_that_cannot_be_followed_is_one_line(in_session, tmp_path):
    for label in ("a", "b"):
        (tmp_path / "rows" / label).mkdir(parents=True)
        (tmp_path / "rows" / label / "one.txt").write_text("text")
    (tmp_path / "rows" / "b" / "two.txt").symlink_to("two.txt")
    done = in_session("train", tmp_path / "rows", "--out", tmp_path / "model")
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()[-1:]
    assert line.startswith("Error: ")
    assert "two.txt" in line
    assert "Traceback" not in done.stderr


def test_a_name_with_brackets_is_told_as_it_is(in_session, tmp_path):
    done = in_session("train", as_csv(tmp_path), "--out", tmp_path / "m[v2]", *SETTINGS)
    assert f"predict -m '{tmp_path}/m[v2]'" in "".join(done.stderr.splitlines())


def test_ten_rows_are_enough_though_some_are_set_aside(in_session, tmp_path):
    rows = "".join(f"{text},{label}\n" for text, label in ROWS[::3] + ROWS[1:3])
    assert rows.count("\n") == 10
    (tmp_path / "ten.csv").write_text(f"text,label\n{rows}")
    done = in_session("train", tmp_path / "ten.csv", "--out", tmp_path / "m", *SETTINGS)
    assert done.exit_code == 0, done.stderr


def test_validation_rows_of_other_labels_are_refused_before_training(in_session, tmp_path):
    (tmp_path / "other.csv").write_text("text,label\na red car,vehicles\nsome soup,meals\n")
    done = in_session("train", as_csv(tmp_path), "--valid", tmp_path / "other.csv", "--out", tmp_path / "m", *SETTINGS)
    refused(done, "no row has a label of the training rows (they have vehicles: 1, meals: 1)", "--label-column")


def test_a_link_to_a_model_stays_and_what_it_points_to_is_replaced(in_session, tmp_path):
    (tmp_path / "current").symlink_to("model-3")
    for force in ([], ["--force"]):
        done = in_session("train", as_csv(tmp_path), "--out", tmp_path / "current", *SETTINGS, *force)
        assert done.exit_code == 0, done.stderr
        assert (tmp_path / "current").is_symlink()
        assert (tmp_path / "model-3" / "attnclf.json").is_file()


def test_weights_are_asked_of_the_training_rows_alone(in_session, tmp_path):
    (tmp_path / "weighed.csv").write_text("text,label,w\n" + "".join(f"{text},{label},2\n" for text, label in ROWS))
    done = in_session(
        "train", tmp_path / "weighed.csv", "--weight-column", "w", "--valid", as_csv(tmp_path), "--test",
        as_tsv(tmp_path), "--out", tmp_path / "m", *SETTINGS,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert json.loads((tmp_path / "m" / "attnclf.json").read_text())["training"]["weight_column"] == "w"


def test_a_few_rows_that_happen_to_have_one_label_each_test_a_model_of_several(in_session, tmp_path):
    several = "".join(f"__label__{label} __label__thing {text}\n" for text, label in ROWS)
    (tmp_path / "several.txt").write_text(several)
    options = ["--test", as_fasttext(tmp_path), "--out", tmp_path / "m", *SETTINGS]
    done = in_session("train", tmp_path / "several.txt", *options)
    assert done.exit_code == 0, done.stderr
    assert json.loads((tmp_path / "m" / "report" / "metrics.json").read_text())["splits"]["test"]["confusion"] is None
    (tmp_path / "rows.txt").rename(tmp_path / "one.txt")
    options[1] = tmp_path / "several.txt"
    refused(
        in_session("train", tmp_path / "one.txt", *options, "--force"), "the --test rows have several labels", "one;"
    )


def test_labels_that_training_has_not_seen_count_against_the_baseline_too(in_session, tmp_path):
    rows = [{"text": text, "labels": [label]} for text, label in ROWS]
    strange = [{**row, "labels": [*row["labels"], "strange"]} for row in rows]
    for name, some in (("train", rows), ("test", strange)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
    settings = [word for word in SETTINGS if word != "--no-baseline"]
    line = ["train", tmp_path / "train.jsonl", "--test", tmp_path / "test.jsonl", "--out", tmp_path / "m", *settings]
    assert in_session(*line).exit_code == 0
    report = json.loads((tmp_path / "m" / "report" / "metrics.json").read_text())
    assert report["splits"]["test"]["accuracy"] == report["baseline"]["splits"]["test"]["accuracy"] == 0
    assert report["baseline"]["splits"]["test"]["micro_f1"] < 0.9


def test_a_model_is_replaced_only_by_force(in_session, tmp_path):
    path = as_csv(tmp_path)
    line = ["train", path, "-o", tmp_path / "m", *SETTINGS]
    assert in_session(*line).exit_code == 0
    before = (tmp_path / "m" / "weights.safetensors").read_bytes()
    refused(in_session(*line, "--seed", "5"), "already holds a model", "--force")
    assert (tmp_path / "m" / "weights.safetensors").read_bytes() == before
    assert in_session(*line, "--seed", "5", "--force").exit_code == 0
    assert (tmp_path / "m" / "weights.safetensors").read_bytes() != before
    assert {entry.name for entry in tmp_path.iterdir()} == {"m", "rows.csv"}


def test_a_folder_that_is_no_model_is_never_replaced(in_session, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    line = ["train", as_csv(tmp_path), "-o", tmp_path / "photos", "--force", *SETTINGS]
    refused(in_session(*line), "exists and is not a model folder", "pass another --out")
    assert (tmp_path / "photos" / "cat.jpg").read_bytes() == b"cat"


def test_a_time_limit_is_kept(in_session, tmp_path):
    line = ["train", as_csv(tmp_path), "-o", tmp_path / "m", *SETTINGS, "--epochs", "100000"]
    done = in_session(*line, "--set", "training.patience=100000", "--time-limit", "1s")
    assert done.exit_code == 0, done.output
    training = json.loads((tmp_path / "m" / "attnclf.json").read_text())["training"]
    assert training["ending"] == "time limit"
    assert 1 <= training["seconds"] < 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "training.epoch=3"], ["unknown setting training.epoch", "did you mean training.epochs?"]),
        (["--set", "training.learning_rate=fast"], ["training.learning_rate is 'fast'", "give it a number"]),
        (["--set", "text.max_length=0"], ["text.max_length is 0"]),
        (["--set", "nothing"], ["has no value", "section.key=value"]),
        (["--set", "model.attention.score=best"], ["unknown score 'best'", "use one of"]),
        (["--time-limit", "soon"], ["'soon' is not a time", "10m"]),
        (["--config", "none.toml"], ["cannot read none.toml"]),
        (["--label-column", "kind"], ["kind"]),
        (["--valid", "none.csv"], ["none.csv does not exist"]),
        (["--resume"], ["nothing to resume", "start without --resume"]),
    ],
    ids=lambda value: " ".join(value) if value[0].startswith("--") else "",
)
def test_a_setting_that_cannot_be_is_one_line(in_session, tmp_path, arguments, words):
    refused(in_session("train", as_csv(tmp_path), "-o", tmp_path / "m", *SETTINGS, *arguments), *words)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    "arguments", [["--preset", "best"], ["--epochs", "0"], ["--device", "tpu"], ["--nonsense"]], ids=" ".join
)
def test_a_wrong_use_has_status_2(in_session, tmp_path, arguments):
    done = in_session("train", as_csv(tmp_path), "-o", tmp_path / "m", *arguments)
    assert done.exit_code == 2
    assert done.stdout == ""


def test_epochs_asked_for_are_not_exceeded_on_a_small_file(in_session, tmp_path):
    done = in_session(
        "train", as_csv(tmp_path), "--out", tmp_path / "m", "--epochs", "2", "--no-baseline", "--preset", "fast"
    )
    assert done.exit_code == 0
    assert done.stderr.count("epoch ") == 2


def test_no_room_for_temporary_files_is_one_line(attnclf, tmp_path):
    rows = 'yes "my parcel is late,delivery" | head -4000 | sed "1i text,label"'
    done = attnclf.shell(f"ulimit -f 64; {rows} | $attnclf train - --out {tmp_path}/model --quiet")
    assert done.returncode == 1
    assert done.stderr == "Error: File too large; make room for it and for temporary files (TMPDIR)\n"
