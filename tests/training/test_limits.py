"""Limits of a training: its time, and Ctrl-C, also where the network does not learn."""

import contextlib
import json
import signal
import threading
import time

import pytest
from test_many_labels import written

from attnclf.config import Config, merged
from attnclf.explain import choice
from attnclf.runtime.classifier import Classifier
from attnclf.training import baseline, ngrams, pretraining
from attnclf.training.limits import Interrupted, Limits
from attnclf.training.pipeline import train

pytestmark = pytest.mark.usefixtures("exporting")


def nothing(check):
    return "done"


def asleep(seconds):
    """Return work that nobody can end, as that of a library in C."""
    return lambda check: time.sleep(seconds)


def test_work_within_its_time_returns_what_it_found():
    assert Limits(None, Interrupted()).within(nothing, 1e9) == "done"


def test_work_that_takes_too_long_is_left():
    start = time.monotonic()
    assert Limits(10, Interrupted()).within(asleep(30), 0.3) is None
    assert time.monotonic() - start < 2


def test_work_without_time_does_not_begin():
    begun = []
    assert Limits(10, Interrupted()).within(begun.append, 0.0) is None
    assert begun == []


def test_ctrl_c_is_answered_within_a_second_while_a_library_computes():
    interrupted = Interrupted()
    threading.Timer(0.3, lambda: setattr(interrupted, "requested", True)).start()
    start = time.monotonic()
    assert Limits(None, interrupted).within(asleep(30), 1e9) is None
    assert time.monotonic() - start < 1.3
    assert Limits(None, interrupted).within(nothing, 1e9) is None  # nor does the next work begin


def test_work_that_is_left_is_ended_at_its_next_check():
    ended = threading.Event()

    def work(check):
        try:
            while True:
                time.sleep(0.01)
                check()
        finally:
            ended.set()

    assert Limits(1, Interrupted()).within(work, 0.1) is None
    assert ended.wait(5)


def test_an_error_in_the_work_is_raised():
    def fall(check):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Limits(None, Interrupted()).within(fall, 1e9)


@pytest.mark.parametrize(
    ("seconds", "until", "second"),
    [(100, 100, 100), (100, 50, 50), (20, 20, 17), (5, 5, 1), (1, 1, 1)],  # the end takes 5 seconds, a tenth is grace
)
def test_learning_ends_early_where_the_end_takes_more_than_the_grace(seconds, until, second):
    assert Limits(seconds, Interrupted()).learning(until) == pytest.approx(second, abs=0.2)


def test_what_is_scored_and_many_labels_take_time_at_the_end():
    assert Limits(10, Interrupted(), 6000, 800_000).finish == pytest.approx(9)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return written(tmp_path_factory.mktemp("data") / "rows.csv", 20, 200)


@pytest.fixture
def run(data, small, tmp_path):
    """Train with n-grams beside the network, and return what was said too."""

    def run(seconds=None, **arguments):
        said = []
        model = {"ngrams": {"features": 2000}, "embedding": {"start": "cooccurrence"}}
        changes = {"model": model, "training": {"epochs": 1000, "patience": 1000}}
        config = Config.from_dict(merged(small, changes, {"training": {"time_limit": seconds}}))
        start = time.monotonic()
        finished = train(str(data), tmp_path / "out", config=config, device="cpu", say=said.append, **arguments)
        return finished, said, time.monotonic() - start

    return run


def stuck(*arguments, **options):
    time.sleep(60)
    yield


def test_a_time_limit_holds_while_linear_models_are_learned(unexported, run, monkeypatch):
    monkeypatch.setattr(ngrams, "learn", stuck)
    finished, said, seconds = run(2.0)
    assert seconds < 20  # of the 60 that it would take; how near the limit is kept, long tests say
    assert any("no n-grams in addition to the network" in line for line in said)
    assert finished.outcome.ending == "time limit"


def test_vectors_whose_search_would_take_too_long_begin_at_random(unexported, run, monkeypatch):
    monkeypatch.setattr(pretraining, "SEARCH", 1.0)
    monkeypatch.setattr(pretraining, "cooccurrence_vectors", stuck)
    _, said, seconds = run(2.0)
    assert seconds < 20  # of the 60 that it would take; how near the limit is kept, long tests say
    assert any("vectors begin at random" in line for line in said)


@pytest.mark.long  # of a machine that does nothing else
def test_what_the_limit_leaves_no_time_for_is_left_out_with_a_note(run, monkeypatch):
    monkeypatch.setattr(baseline, "fit_and_score", lambda *arguments, **options: time.sleep(60))
    monkeypatch.setattr(choice, "scores", lambda *arguments: time.sleep(60))
    learn = ngrams.learn
    calls = []

    def once(*arguments, **options):
        calls.append(1)
        return learn(*arguments, **options) if len(calls) == 1 else stuck()

    monkeypatch.setattr(ngrams, "learn", once)
    finished, said, seconds = run(8.0)
    assert seconds < 8 * 1.1 + 3
    assert any("was not refitted with the validation rows" in line for line in said)
    assert any("methods of explanation are not scored" in line for line in said)
    assert finished.report.baseline == "training one was stopped"
    assert Classifier.load(finished.folder).predict(["a text"])[0].label is not None


def test_ctrl_c_while_the_linear_model_is_learned_leaves_it_out_and_makes_a_model(run, monkeypatch):
    interrupted = Interrupted()

    def pressed(*arguments, **options):
        interrupted.requested = True
        time.sleep(60)
        yield

    monkeypatch.setattr(ngrams, "learn", pressed)
    finished, said, seconds = run(interrupted=interrupted)
    assert seconds < 20  # export, check and scores
    assert finished.outcome.ending == "interrupted"
    assert any("no n-grams in addition to the network" in line for line in said)
    manifest = json.loads((finished.folder / "attnclf.json").read_text())
    assert manifest["training"]["ending"] == "interrupted"
    assert manifest["config"]["model"]["ngrams"]["features"] == 0
    assert (finished.folder.parent / "out.training" / "checkpoint.pt").exists()


@pytest.mark.long
def test_a_time_limit_is_kept_with_many_labels(attnclf, tmp_path):
    path = written(tmp_path / "rows.csv", 1500, 4500)
    start = time.monotonic()
    done = attnclf("train", path, "--out", tmp_path / "model", "--time-limit", "10s", "--no-baseline")
    seconds = time.monotonic() - start
    assert done.returncode == 0, done.stderr
    loading = 5  # the command and torch, and reading rows, are not counted
    assert seconds < loading + 10 * 1.1 + 3


@pytest.mark.long
def test_a_first_ctrl_c_is_answered_while_a_linear_model_is_learned_and_a_second_ends_at_once(attnclf, tmp_path):
    path = written(tmp_path / "rows.csv", 400, 2000)
    with attnclf.start("train", path, "--out", tmp_path / "out", "--no-baseline") as process:
        wait_for(process, "set aside for validation")
        time.sleep(2)
        pressed = time.monotonic()
        process.send_signal(signal.SIGINT)
        wait_for(process, "Stopping")
        assert time.monotonic() - pressed < 1
        pressed = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert time.monotonic() - pressed < 3  # torch itself takes a moment to leave
    assert process.returncode == 130
    assert not (tmp_path / "out").exists()


def wait_for(process, words):
    """Read the notes until these words are among them."""
    for line in process.stderr:
        if words in line.decode():
            return
    raise AssertionError(f"the process ended without {words!r}")
