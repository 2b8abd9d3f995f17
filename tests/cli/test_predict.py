"""`attnclf predict`, as a person meets it: processes, pipes, files and their mishaps."""

import csv
import gzip
import itertools
import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import time

import pytest

from attnclf.text.ragged import UNKNOWN_ID

PROMPTLY = 2.0  # seconds in which a trickling line is answered; on a busy machine, the luckiest of three
PATIENTLY = 300.0  # seconds after which nothing more is expected of a process


def records(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def refused(done, *words, status=1):
    """The one line on stderr of a command that could not work."""
    assert done.returncode == status
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    for word in words:
        assert word in line
    return line


def answer(process, within):
    """The next line of a running process."""
    end, line = time.monotonic() + within, b""
    while not line.endswith(b"\n"):
        readable, _, _ = select.select([process.stdout], [], [], max(end - time.monotonic(), 0))
        assert readable, f"no answer within {within} s"
        byte = os.read(process.stdout.fileno(), 1)
        assert byte, "the process has ended"
        line += byte
    return line


@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl", "fasttext", "table"])
def test_a_label_that_is_not_probable_enough_is_a_question_mark_and_keeps_its_score(in_session, model, form):
    lines = "great film\n\nterrible plot\n"
    plain = in_session("predict", "-m", model, "--format", form, input=lines).stdout.splitlines()
    sure = in_session("predict", "-m", model, "--format", form, "--min-confidence", 0, input=lines).stdout.splitlines()
    unsure = in_session(
        "predict", "-m", model, "--format", form, "--min-confidence", 1, input=lines
    ).stdout.splitlines()
    assert sure == plain
    assert unsure[1] == plain[1]
    for line, usual in ((unsure[0], plain[0]), (unsure[2], plain[2])):
        assert line != usual
        assert "?" in line
        assert re.findall(r"\d\.\d+|\d+\.\d%", line) == re.findall(r"\d\.\d+|\d+\.\d%", usual)


@pytest.mark.parametrize(
    ("which", "options", "remedy"), [("multi_model", (), "--threshold"), ("model", ("-k", 2), "--top-k")]
)
def test_confidence_is_about_the_one_label_of_a_text(in_session, request, which, options, remedy):
    done = in_session("predict", "-m", request.getfixturevalue(which), "--min-confidence", 0.5, *options, input="a\n")
    assert done.exit_code == 1
    assert remedy in done.stderr


def test_the_best_labels_and_those_above_a_threshold_are_not_both_to_be_had(in_session, multi_model):
    done = in_session("predict", "-m", multi_model, "-k", 2, "--threshold", 0.2, input="x\n")
    refused(done, "--top-k", "leave out --top-k or --threshold")


def test_three_lines_in_are_three_lines_out_and_a_blank_one_has_no_label(attnclf, model, classifier):
    good, blank, bad = records(
        attnclf("predict", "-m", model, "--format", "jsonl", input="great film\n\nterrible plot\n")
    )
    assert blank == {"label": None, "score": None}
    for record, text in ((good, "great film"), (bad, "terrible plot")):
        (expected,) = classifier.predict([text])
        assert record["label"] == expected.label
        assert record["score"] == pytest.approx(expected.score, abs=2e-6)


def test_each_answer_stands_at_the_place_of_its_question(in_session, model, classifier, tickets):
    """Thousands of lines of all lengths, sorted and batched within, against each text judged alone."""
    texts = [*tickets[:60], "", "word " * 300]
    alone = {text: classifier.predict([text])[0] for text in texts}
    assert len({one.score for one in alone.values()}) > 50  # so that a swap would show
    lines = texts * 150
    random.Random(0).shuffle(lines)
    answers = records(in_session("predict", "-m", model, "-f", "jsonl", input="\n".join(lines) + "\n"))
    assert len(answers) == len(lines)
    for line, record in zip(lines, answers, strict=True):
        assert record["label"] == alone[line].label
        assert record["score"] == (None if not line else pytest.approx(alone[line].score, abs=1e-5))


NEVER_SEEN = ["passwordless", "unrefundability", "parcelling", "坏", "坐"]


def test_words_never_seen_are_told_apart_by_their_spelling(in_session, model, classifier):
    assert all(ids.tolist() == [UNKNOWN_ID] for ids in classifier.tokenizer.encode(NEVER_SEEN))
    answers = records(in_session("predict", "-m", model, "-f", "jsonl", "-k", "9", input="\n".join(NEVER_SEEN) + "\n"))
    scores = [{one["label"]: one["score"] for one in answer["labels"]} for answer in answers]
    for one, other in itertools.combinations(scores[:4], 2):
        assert max(abs(one[label] - other[label]) for label in one) > 1e-3
    assert scores[3] == pytest.approx(scores[4], abs=1e-5), "single characters have no n-grams"


def test_words_never_seen_count_alike_alone_and_beside_others(in_session, model):
    text = "the parcelling of my unrefundability"
    lines = ["passwordless", f"{text} and a quite passwordless login 坏", text, "", "unrefundability"]
    beside = records(in_session("predict", "-m", model, "-f", "jsonl", input="\n".join(lines) + "\n"))[2]
    (alone,) = records(in_session("predict", "-m", model, "-f", "jsonl", input=text + "\n"))
    assert alone["label"] == beside["label"]
    assert alone["score"] == pytest.approx(beside["score"], abs=2e-6)


def test_a_last_line_without_its_ending_counts(in_session, model):
    assert len(records(in_session("predict", "-m", model, "-f", "jsonl", input="one\ntwo"))) == 2


def test_an_empty_input_gives_an_empty_output(attnclf, model):
    done = attnclf("predict", "-m", model)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


TEXTS = ["where is my parcel", "", 'I was charged twice, "twice"!', "the app crashes\tat start"]


@pytest.fixture(scope="module")
def expected(classifier):
    """Labels with scores of TEXTS, the best two of each."""
    return [classifier.ranked(one)[:2] if one.label else [] for one in classifier.predict(TEXTS)]


@pytest.mark.parametrize("top", [1, 2])
@pytest.mark.parametrize("format", ["tsv", "csv", "jsonl", "fasttext", "table"])
def test_every_format_reads_back_as_what_the_model_says(in_session, model, expected, format, top):
    done = in_session("predict", "-m", model, "-f", format, "-k", top, input="\n".join(TEXTS) + "\n")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(TEXTS)
    for line, text, pairs in zip(lines, TEXTS, expected, strict=True):
        labels, scores = read_back(format, line, text)
        assert labels == [label for label, _ in pairs[:top]]
        assert scores == pytest.approx([score for _, score in pairs[:top]], abs=6e-4 if format == "table" else 6e-5)


@pytest.mark.parametrize(
    ("which", "options", "cells"),
    [("model", ("-k", "2"), 4), ("model", ("-k", "99"), 8), ("model", (), 2), ("multi_model", (), 2),
     ("multi_model", ("-k", "3"), 6)],
)  # fmt: skip
def test_a_blank_text_has_as_many_cells_of_csv_as_the_others(in_session, request, which, options, cells):
    folder = request.getfixturevalue(which)
    done = in_session("predict", "-m", folder, "-f", "csv", *options, input="\nmy parcel\n \n")
    rows = list(csv.reader(done.stdout.splitlines()))
    assert [len(row) for row in rows] == [cells] * 3
    assert set(rows[0]) == set(rows[2]) == {""}


def read_back(format, line, text):
    if format == "jsonl":
        record = json.loads(line)
        pairs = record.get("labels", [record] if record["label"] else [])
        return [pair["label"] for pair in pairs], [pair["score"] for pair in pairs]
    if format == "table":
        words = line.split()
        assert text.split() == words[len(words) - len(text.split()) :]
        words = words[: len(words) - len(text.split())]
        if words == ["-"]:
            return [], []
        return words[::2], [float(word.removesuffix("%")) / 100 for word in words[1::2]]
    cells = line.split("\t") if format == "tsv" else next(csv.reader([line])) if format == "csv" else line.split()
    cells = [cell.removeprefix("__label__") for cell in cells if cell]
    return cells[::2], [float(cell) for cell in cells[1::2]]


def test_the_scores_of_all_labels_add_up_to_one(in_session, model, classifier):
    (record,) = records(in_session("predict", "-m", model, "-f", "jsonl", "-k", "99", input="my parcel\n"))
    assert {pair["label"] for pair in record["labels"]} == set(classifier.labels)
    assert sum(pair["score"] for pair in record["labels"]) == pytest.approx(1, abs=1e-5)


def test_a_pipe_gets_tab_separated_values(attnclf, model):
    label, score = attnclf("predict", "-m", model, input="my parcel\n").stdout.split("\t")
    assert label
    assert 0 < float(score) <= 1


def test_several_labels_are_those_above_the_threshold(in_session, multi_model, multi_classifier):
    text = "отключили горячую воду, а сверху шумят"
    (one,) = multi_classifier.predict([text])
    for arguments, chosen in (
        ([], one.chosen),
        (["--threshold", "0"], tuple(label for label, _ in multi_classifier.ranked(one))),
        (["--threshold", "1"], ()),
    ):
        (record,) = records(in_session("predict", "-m", multi_model, "-f", "jsonl", *arguments, input=text + "\n"))
        assert tuple(pair["label"] for pair in record["labels"]) == chosen
        tsv = in_session("predict", "-m", multi_model, "-f", "tsv", *arguments, input=text + "\n").stdout
        assert tsv.split("\t")[0] == "|".join(chosen)


def test_attention_names_the_units_that_were_read_and_their_weights(in_session, model, classifier):
    text = "Where's my parcel?! " + "still waiting " * 60
    record, blank = records(in_session("predict", "-m", model, "--attention", input=text + "\n\n"))
    assert len(record["tokens"]) == len(record["weights"]) == classifier.tokenizer.max_length
    assert record["tokens"][:6] == ["Where", "'", "s", "my", "parcel", "?"]
    assert sum(record["weights"]) == pytest.approx(1, abs=1e-4)
    assert blank == {"label": None, "score": None, "tokens": [], "weights": []}


def test_attention_in_another_format_is_refused(in_session, model):
    refused(in_session("predict", "-m", model, "--attention", "-f", "csv"), "--attention", "pass --format jsonl")


ROWS = {
    "in.csv": 'id,text\n1,"my parcel, please"\n2,\n3,refund me\n',
    "in.tsv": "id\ttext\n1\tmy parcel, please\n2\t\n3\trefund me\n",
    "in.jsonl": '{"id": 1, "text": "my parcel, please"}\n{"id": 2, "text": ""}\n{"id": 3, "text": "refund me"}\n',
    "in.txt": "my parcel, please\n\nrefund me\n",
}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", list(ROWS))
def test_files_of_every_kind_give_the_same_answers(in_session, model, tmp_path, classifier, name, compressed):
    path = tmp_path / (name + ".gz" * compressed)
    path.write_bytes(gzip.compress(ROWS[name].encode()) if compressed else ROWS[name].encode())
    answers = records(in_session("predict", path, "-m", model, "-f", "jsonl"))
    expected = classifier.predict(["my parcel, please", "", "refund me"])
    assert [record["label"] for record in answers] == [one.label for one in expected]
    assert [record["score"] for record in answers] == [
        None if one.score is None else pytest.approx(one.score, abs=1e-5) for one in expected
    ]


def test_a_gzipped_pipe_is_read_like_a_gzipped_file(attnclf, model, in_session):
    lines = ROWS["in.txt"].encode()
    piped = attnclf("predict", "-m", model, input=gzip.compress(lines))
    assert piped.stderr == ""
    assert piped.stdout == in_session("predict", "-m", model, "-f", "tsv", input=lines).stdout


def test_stdin_is_read_in_the_format_asked_for_and_from_the_column_asked_for(in_session, model, classifier):
    done = in_session(
        "predict", "-", "-m", model, "-f", "jsonl", "--input-format", "csv", "--text-column", "body",
        input="text,body\nignored,my parcel\n",
    )  # fmt: skip
    (record,) = records(done)
    assert record["score"] == pytest.approx(classifier.predict(["my parcel"])[0].score, abs=1e-5)


def test_a_reader_that_has_enough_ends_an_endless_run_quietly(attnclf, model):
    done = attnclf.shell(f"yes 'what is this' | $attnclf predict -m '{model}' | head -1; echo ${{PIPESTATUS[1]}}")
    assert done.stderr == ""
    first, status = done.stdout.splitlines()
    assert len(first.split("\t")) == 2
    assert status == "0"


def test_lines_that_trickle_are_answered_one_by_one(attnclf, model, classifier):
    process = attnclf.start("predict", "-m", model, "-f", "jsonl")
    waited = []
    for text in ("my parcel", "", "refund me", "the app crashes"):
        started = time.monotonic()
        process.stdin.write(text.encode() + b"\n")
        answered = json.loads(answer(process, PATIENTLY))
        waited.append(time.monotonic() - started)
        assert answered["label"] == classifier.predict([text])[0].label
    assert min(waited[1:]) < PROMPTLY  # the first line waits for the model to load
    assert process.communicate(timeout=PATIENTLY) == (b"", b"")
    assert process.returncode == 0


def test_bytes_that_are_not_utf8_cost_a_warning_and_no_line(attnclf, model):
    done = attnclf("predict", "-m", model, "-f", "jsonl", input=b"my parcel\nna\xefve \xff\xfe parcel\nrefund me\n")
    assert len(records(done)) == 3
    assert done.stderr == "Warning: 1 line was not valid UTF-8; broken bytes were read as \ufffd\n"


@pytest.mark.parametrize(
    "text",
    [
        "parcel " * 150_000,
        "x" * 1_000_000,
        "包" * 300_000,
        "😀👩‍👩‍👧" * 20,
        "\x00\x01\x1b[31m",
        "\u202eabc",
        "a\rb\x0bc\u2028d",
    ],
    ids=["1 MB of words", "one word of 1 MB", "1 MB of Chinese", "emoji", "control", "right to left", "separators"],
)
def test_odd_lines_are_answered_like_any_other(in_session, model, classifier, text):
    done = in_session("predict", "-m", model, "-f", "jsonl", input=f"first\n{text}\nlast\n")
    assert len(records(done)) == 3
    longest = classifier.tokenizer.max_length
    cut = len(classifier.tokenizer.pieces(text)) > longest
    assert done.stderr == (f"Note: 1 of 3 texts were read up to their first {longest} units only\n" if cut else "")


def test_a_table_shows_no_control_characters(in_session, model):
    done = in_session("predict", "-m", model, "-f", "table", input="\x1b[31mred\x07\n")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout
    assert "red" in done.stdout


def test_a_missing_model_is_one_line(attnclf, tmp_path):
    refused(attnclf("predict", "-m", tmp_path / "none", input="x\n"), "there is no model folder", "attnclf train --out")


def test_a_folder_that_is_no_model_is_one_line(in_session, tmp_path):
    refused(in_session("predict", "-m", tmp_path, input="x\n"), "is not a model folder")


def test_a_damaged_model_is_one_line(in_session, model, tmp_path):
    copy = shutil.copytree(model, tmp_path / "copy")
    (copy / "model.onnx").write_bytes((copy / "model.onnx").read_bytes()[:-10])
    refused(in_session("predict", "-m", copy, input="x\n"), "model.onnx was changed or damaged", "copy the model again")


def test_a_missing_file_is_one_line(in_session, model, tmp_path):
    refused(in_session("predict", tmp_path / "none.txt", "-m", model), "none.txt")


def test_a_broken_line_is_named(in_session, model, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n{"text": \n')
    done = in_session("predict", tmp_path / "in.jsonl", "-m", model, "-f", "jsonl")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: line 2: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_file_of_another_kind_is_refused_with_the_remedy(in_session, model, tmp_path):
    (tmp_path / "in.parquet").write_bytes(b"PAR1")
    refused(in_session("predict", tmp_path / "in.parquet", "-m", model), "not a parquet file", "--input-format")


@pytest.mark.parametrize(
    "arguments",
    [["--nonsense"], ["--format", "xml"], ["--top-k", "0"], ["--threshold", "2"], ["--threshold", "nan"], ["a", "b"]],
    ids=str,
)
def test_a_wrong_use_has_status_2(in_session, model, arguments):
    done = in_session("predict", "-m", model, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_no_model_at_all_is_a_wrong_use(attnclf):
    done = attnclf("predict", input="x\n")
    assert done.returncode == 2
    assert "--model" in done.stderr


def test_the_model_may_come_from_the_environment(attnclf, model):
    done = attnclf("predict", "-f", "jsonl", input="my parcel\n", env={"ATTNCLF_MODEL": str(model)})
    assert len(records(done)) == 1


def test_out_holds_what_the_pipe_would_and_appears_when_it_is_whole(attnclf, model, tmp_path):
    out = tmp_path / "out.tsv"
    out.write_text("old")
    process = attnclf.start("predict", "-m", model, "-o", out)
    process.stdin.write(b"my parcel\n")
    end = time.monotonic() + PATIENTLY
    while not any(path.stat().st_size for path in tmp_path.iterdir() if path != out):
        assert time.monotonic() < end, "nothing is written"
        time.sleep(0.02)
    assert out.read_text() == "old"
    assert process.communicate(b"refund me\n", timeout=PATIENTLY) == (b"", b"")
    assert out.read_text() == attnclf("predict", "-m", model, "-f", "tsv", input="my parcel\nrefund me\n").stdout
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("name", "options", "format"),
    [
        ("x.jsonl", [], "jsonl"),
        ("x.JSON", [], "jsonl"),
        ("x.csv", [], "csv"),
        ("x.ft", [], "fasttext"),
        ("x.txt", [], "tsv"),
        ("x", [], "tsv"),
        ("x.csv", ["-f", "jsonl"], "jsonl"),
    ],
)
def test_a_file_gets_the_format_that_its_name_says_unless_another_is_said(
    in_session, model, tmp_path, name, options, format
):
    assert in_session("predict", "-m", model, "-o", tmp_path / name, *options, input="\n".join(TEXTS)).exit_code == 0
    assert (tmp_path / name).read_text() == in_session(
        "predict", "-m", model, "-f", format, input="\n".join(TEXTS)
    ).stdout


@pytest.mark.parametrize("name", ["x.parquet", "x.csv.gz"])
def test_an_ending_that_is_not_written_is_refused(in_session, model, tmp_path, name):
    refused(
        in_session("predict", "-m", model, "-o", tmp_path / name, input="\n".join(TEXTS)), "writes no", "pass --format"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fails_leaves_the_old_file_and_nothing_else(in_session, model, tmp_path):
    out = tmp_path / "out.jsonl"
    out.write_text("old")
    done = in_session("predict", "-m", model, "-o", out, "--input-format", "jsonl", input='{"text": "a"}\n[]\n')
    refused(done, "line 2")
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("command", ["predict", "explain"])
def test_a_text_that_was_taken_for_a_header_is_told_on_stderr(in_session, model, tmp_path, command):
    (tmp_path / "a.csv").write_text("my parcel is late\nmy card\n")
    done = in_session(command, tmp_path / "a.csv", "-m", model)
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 1)
    assert done.stderr.startswith("Note: line 1 is taken for the header; if it is a text, pass --text-column 1\n")


def test_an_out_that_cannot_be_written_is_one_line(in_session, model, tmp_path):
    refused(in_session("predict", "-m", model, "-o", tmp_path / "no" / "out.tsv", input="x\n"), "cannot write", "--out")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_ends_with_its_own_status_and_no_traceback(attnclf, model, number, status):
    process = attnclf.start("predict", "-m", model)
    process.stdin.write(b"my parcel\n")
    answer(process, PATIENTLY)
    process.send_signal(number)
    assert process.wait(timeout=PATIENTLY) == status
    assert process.stderr.read() == b""
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_half_written(attnclf, model, tmp_path, number):
    process = attnclf.start("predict", "-m", model, "-o", tmp_path / "labels.tsv")
    process.stdin.write(b"my parcel\n")
    deadline = time.monotonic() + PATIENTLY
    while not any(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    (unfinished,) = tmp_path.iterdir()
    assert unfinished.match(".labels.tsv.*.part")
    process.send_signal(number)
    process.communicate(timeout=PATIENTLY)
    assert not any(tmp_path.iterdir())


def test_a_closed_stdin_is_one_line(attnclf, model):
    refused(attnclf.shell(f"$attnclf predict -m '{model}' <&-"), "stdin is closed")


def peak_memory(command, source, out):
    """The largest resident size of a process in KiB, asked of a small process between: a child starts as its parent."""
    ask = "import resource, subprocess, sys\nsubprocess.run(sys.argv[1:], check=True, stdout=sys.stderr)\n"
    ask += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    with source.open("rb") as stdin, out.open("wb") as stderr:
        done = subprocess.run(
            [sys.executable, "-c", ask, *command], stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, check=True
        )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the kernel's figure in KiB")
def test_memory_does_not_grow_with_the_input(attnclf, model, tmp_path):
    peaks = []
    for lines in (20_000, 150_000):
        source, out = tmp_path / "in.txt", tmp_path / "out.tsv"
        source.write_bytes(b"where is my parcel\n" * lines)
        peaks.append(peak_memory([*attnclf.line, "predict", "-m", str(model)], source, out))
        assert out.read_bytes().count(b"\n") == lines
    assert peaks[1] - peaks[0] < 40 * 1024
