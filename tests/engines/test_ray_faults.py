"""Workers and whole runs that are killed: what is finished stays, the rest is done again, and the answers are right."""

import json
import os
import signal
import threading
import time

import pytest
from attnclf_cli.formats import jsonl

from attnclf.engines.plan import plan
from attnclf.engines.ray import MAX_ATTEMPTS, predict_files
from attnclf.engines.worker import Job

pytestmark = pytest.mark.long


def answers(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def right(path, texts, classifier):
    """Whether a file has the answer to each text at its place."""
    expected = classifier.predict(texts)
    found = answers(path)
    assert [one["label"] for one in found] == [one.label for one in expected]
    assert [one["score"] for one in found] == pytest.approx([one.score for one in expected], abs=1e-5)
    return True


@pytest.fixture
def parts(tmp_path, tickets):
    """Files of texts, by name."""
    (tmp_path / "in").mkdir()
    split = {f"{n}.jsonl": tickets[n * 40 : n * 40 + 40] for n in range(6)}
    for name, texts in split.items():
        (tmp_path / "in" / name).write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return split


def run(tmp_path, model, line):
    todo = plan(str(tmp_path / "in"), str(tmp_path / "out"), settings={}, suffix=".jsonl")
    job = Job(model=str(model), sources=todo.sources, targets=todo.targets, line=line)
    return list(predict_files(todo.unfinished, job, workers=2))


def test_a_run_whose_worker_is_killed_within_a_file_ends_with_the_right_answers(
    ray_here, model, classifier, parts, tmp_path
):
    at_work = tmp_path / "pid"

    def slow(classifier, text, prediction):
        """In one file once, stop in the middle and say who is at work."""
        if prediction.label and "\n" not in text and not at_work.exists():
            at_work.write_text(str(os.getpid()))
            time.sleep(600)
        return jsonl(classifier, text, prediction, 1)

    killed = []

    def kill():
        while not (at_work.exists() and at_work.read_text()):
            time.sleep(0.1)
        killed.append(int(at_work.read_text()))
        os.kill(killed[0], signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    outcomes = run(tmp_path, model, slow)
    assert killed
    with pytest.raises(ProcessLookupError):
        os.kill(killed[0], 0)
    assert sorted(outcome.source.rpartition("/")[2] for outcome in outcomes) == sorted(parts)
    assert not any(outcome.problem for outcome in outcomes)
    assert all(right(tmp_path / "out" / name, texts, classifier) for name, texts in parts.items())


def test_a_file_that_kills_its_workers_is_given_up_and_the_others_are_done(ray_here, model, parts, tmp_path):
    deadly = parts["3.jsonl"][0]

    def line(classifier, text, prediction):
        if text == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return jsonl(classifier, text, prediction, 1)

    failed = [outcome for outcome in run(tmp_path, model, line) if outcome.problem]
    assert [outcome.source.rpartition("/")[2] for outcome in failed] == ["3.jsonl"]
    assert f"its worker died {MAX_ATTEMPTS} times" in failed[0].problem
    assert {path.name for path in (tmp_path / "out").glob("[0-9]*")} == set(parts) - {"3.jsonl"}


def test_a_run_that_is_killed_goes_on_with_what_is_not_finished(attnclf, model, classifier, tickets, tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(24):
        lines = [json.dumps({"text": text}) + "\n" for text in tickets] * (20 if number else 1)
        (tmp_path / "in" / f"{number:02}.jsonl").write_text("".join(lines))
    out = tmp_path / "out"
    command = ["predict", "--engine", "ray", f"{tmp_path}/in/*.jsonl", "-o", out, "-m", model, "-f", "jsonl"]
    process = attnclf.start(*command)

    def finished():
        return sorted(out.glob("*.jsonl"))

    while len(finished()) < 3 and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.communicate()
    before = {path: path.stat().st_mtime_ns for path in finished()}
    assert 3 <= len(before) < 24
    assert all(len(answers(path)) in (len(tickets), len(tickets) * 20) for path in before)

    process = attnclf.start(*command)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    already = int(said.decode().partition(" of 24 files are finished already")[0])
    assert len(before) <= already < 24, "a worker may have finished a file after its driver died"
    assert sorted(path.name for path in out.iterdir()) == [
        *(f"{number:02}.jsonl" for number in range(24)), "_attnclf.json",
    ]  # fmt: skip
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert right(out / "00.jsonl", tickets, classifier)
    assert len(answers(out / "23.jsonl")) == len(tickets) * 20
