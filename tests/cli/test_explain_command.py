"""`attnclf explain`: the same prediction as predict, with the words that decided, in every format."""

import json
import os
import pty
import select
import shutil
import subprocess

import pytest

TEXT = "Where's my parcel? I was charged TWICE for 2 orders!"


def records(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    "text", [TEXT, "отключили воду", "包裹还没到，退款！", "😀 parcel 👩‍👩‍👧 late", "a\tb  c\u00a0d"]
)
def test_words_stand_where_they_say_and_their_weights_add_up_to_one(in_session, model, text):
    (record,) = records(in_session("explain", "-m", model, "-f", "json", input=text + "\n"))
    assert record["text"] == text
    assert record["method"] == "attention"
    assert record["truncated_at"] is None
    last = 0
    for word in record["tokens"]:
        assert text[word["start"] : word["end"]] == word["text"]
        assert last <= word["start"] < word["end"]
        assert word["weight"] >= 0
        last = word["end"]
    assert sum(word["weight"] for word in record["tokens"]) == pytest.approx(1, abs=1e-5)


def test_explain_says_what_predict_says(in_session, model, tickets):
    lines = "\n".join([TEXT, "", *tickets[:20]]) + "\n"
    predicted = records(in_session("predict", "-m", model, "--attention", "-k", "9", input=lines))
    explained = records(in_session("explain", "-m", model, "-f", "json", input=lines))
    assert len(predicted) == len(explained) == 22
    for prediction, explanation in zip(predicted, explained, strict=True):
        assert explanation["label"] == prediction["label"]
        if prediction["label"] is None:
            assert explanation["tokens"] == []
            continue
        assert explanation["score"] == pytest.approx(prediction["score"], abs=1e-5)
        assert [pair["label"] for pair in explanation["labels"]] == [pair["label"] for pair in prediction["labels"]]
        # Each word is one unit or several that touch: its weight is the sum of theirs.
        units = list(zip(prediction["tokens"], prediction["weights"], strict=True))
        for word in explanation["tokens"]:
            text, weight = "", 0.0
            while text != word["text"]:
                piece, share = units.pop(0)
                text, weight = text + piece, weight + share
            assert word["weight"] == pytest.approx(weight, abs=1e-5)
        assert units == []


def test_a_pipe_gets_json(attnclf, model):
    (record,) = records(attnclf("explain", "-m", model, input=TEXT + "\n"))
    assert record["label"]


def test_several_labels_or_none_are_told(in_session, multi_model):
    text = "Бригада долбит пол с утра до ночи, и похоже, пробили трубу: у меня течёт по стене"
    several, blank = records(in_session("explain", "-m", multi_model, input=f"{text}\n \n"))
    assert len(several["chosen"]) > 1
    assert several["chosen"][0] == several["label"]
    assert "chosen" not in blank


def test_text_beyond_what_the_model_reads_is_said(in_session, model, classifier):
    text = "parcel " * 100
    (record,) = records(in_session("explain", "-m", model, input=text.rstrip() + "\n"))
    assert len(record["tokens"]) == classifier.tokenizer.max_length
    assert record["truncated_at"] == record["tokens"][-1]["end"]


def test_without_colour_the_heaviest_words_stand_in_brackets(in_session, model, classifier, tickets):
    done = in_session("explain", "-m", model, "-f", "terminal", input="\n".join(tickets[:20]) + "\n")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "[" in done.stdout
    assert "]" in done.stdout
    for label in {one.label for one in classifier.predict(tickets[:20])}:
        assert label in done.stdout


@pytest.mark.parametrize(
    ("name", "begins"), [("x.html", "<!doctype html>"), ("x.SVG", "<svg"), ("x.jsonl", "{"), ("x", "{")]
)
def test_the_format_goes_by_the_ending_of_the_file_and_is_json_without_one(in_session, model, tmp_path, name, begins):
    assert in_session("explain", "-m", model, "--out", tmp_path / name, input=TEXT + "\n").exit_code == 0
    assert (tmp_path / name).read_text(encoding="utf-8").lower().startswith(begins)


def test_an_ending_that_no_format_has_is_refused_unless_the_format_is_said(in_session, model, tmp_path):
    place = tmp_path / "x.pdf"
    done = in_session("explain", "-m", model, "-o", place, input=TEXT + "\n")
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: explain writes no .pdf; name a file that ends in .json, .jsonl, .html, .htm, .svg")
    assert not place.exists()
    assert in_session("explain", "-m", model, "-o", place, "-f", "svg", input=TEXT + "\n").exit_code == 0
    assert place.read_text(encoding="utf-8").startswith("<svg")


def test_a_dash_is_stdout_and_a_pipe_gets_json(in_session, model):
    (record,) = records(in_session("explain", "-m", model, "--out", "-", input=TEXT + "\n"))
    assert record["text"] == TEXT


@pytest.mark.skipif(shutil.which("script") is None and not hasattr(os, "forkpty"), reason="needs a terminal")
def test_on_a_terminal_words_are_coloured(attnclf, model):
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": "60"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(
        [*attnclf.line, "explain", "-m", str(model)], stdin=subprocess.PIPE, stdout=slave, stderr=slave, env=environment
    ) as process:
        os.close(slave)
        process.stdin.write(TEXT.encode() + b"\n")
        process.stdin.close()
        shown = b""
        while select.select([master], [], [], 300)[0]:
            try:
                part = os.read(master, 4096)
            except OSError:  # the terminal's other end was closed
                break
            if not part:
                break
            shown += part
    os.close(master)
    assert process.returncode == 0, shown
    assert b"\x1b[" in shown
    assert b"parcel" in shown


HOSTILE = 'my <script>alert("x")</script> & parcel'


@pytest.mark.parametrize("ending", ["html", "svg"])
def test_a_picture_is_written_and_executes_nothing(in_session, model, tmp_path, ending):
    out = tmp_path / f"out.{ending}"
    done = in_session("explain", "-m", model, "--method", "attention", "-o", out, input=f"{HOSTILE}\n{TEXT}\n\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    page = out.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "parcel" in page
    assert list(tmp_path.iterdir()) == [out]
    piped = in_session("explain", "-m", model, "-f", ending, input=f"{HOSTILE}\n{TEXT}\n\n")
    assert piped.stdout == page


def test_the_texts_of_a_file_are_explained(in_session, model, tmp_path):
    (tmp_path / "in.csv").write_text("id,text\n1,my parcel\n2,\n")
    first, blank = records(in_session("explain", tmp_path / "in.csv", "-m", model))
    assert first["text"] == "my parcel"
    assert blank["label"] is None


def test_an_unknown_method_is_one_line(in_session, model):
    done = in_session("explain", "-m", model, "--method", "magic", input="x\n")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: unknown method 'magic'; use one of: attention, attention-norm, ")
    assert len(done.stderr.splitlines()) == 1


def test_a_missing_model_is_one_line(attnclf, tmp_path):
    done = attnclf("explain", "-m", tmp_path / "none", input="x\n")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: there is no model folder")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("format", ["json", "terminal"])
def test_a_reader_that_has_enough_ends_the_run_quietly(attnclf, model, format):
    done = attnclf.shell(
        f"yes 'what is this' | $attnclf explain -f {format} -m '{model}' | head -1; echo ${{PIPESTATUS[1]}}"
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "0"
