"""A classifier in many processes and at their ends: forked children, pools of them, late threads, the way out."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import ENVIRONMENT

from attnclf.workers import Workers

# Two batches at least, and several threads.
OPENING = """
import atexit, multiprocessing, os, sys, threading, time
from attnclf.runtime.classifier import Classifier

def texts(word="card"):
    return [f"my {word} number {n} was declined, naïvely" for n in range(300)]

def scores(word="card"):
    return [said.score for said in classifier.predict(texts(word))]

def answers(words):
    return [said.score for said in classifier.predict(words)]

def in_child(work):
    child = os.fork()
    if child == 0:
        os._exit(0 if work() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

if __name__ == "__main__":
    classifier = Classifier.load(sys.argv[1], device="cpu", threads=2)
"""
forking = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")


@pytest.fixture
def python(model, tmp_path):
    """Run a program that has a classifier, to its end or for a minute, and return its last line."""

    def run(program):
        path = tmp_path / "program.py"
        path.write_text(OPENING + program, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, path, model], capture_output=True, text=True, env=ENVIRONMENT, timeout=20, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[-1]

    return run


@forking
def test_a_forked_child_predicts_and_explains_as_its_parent_does(python):
    program = """
    expected = scores()
    explained = str(classifier.explain(texts()[:2]))
    def work():
        return scores() == expected and str(classifier.explain(texts()[:2])) == explained
    print(in_child(work), in_child(lambda: in_child(work) == 0), work())
"""
    assert python(program) == "0 0 True"


@forking
def test_a_child_predicts_whatever_other_threads_did_when_it_was_forked(python):
    program = """
    expected, ended = scores(), False
    def busy():
        number = 0
        while not ended:
            number += 1
            scores(f"wörd{number}")
    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    statuses = {in_child(lambda: scores() == expected) for _ in range(10)}
    ended = True
    print(statuses)
"""
    assert python(program) == "{0}"


@forking
def test_a_pool_of_forked_processes_shares_a_classifier(python):
    program = """
    expected = scores()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(scores, ["card"] * 4) == [expected] * 4)
"""
    assert python(program) == "True"


def test_a_classifier_predicts_while_the_interpreter_exits(python):
    assert python("    expected = scores()\n    atexit.register(lambda: print(scores() == expected))") == "True"
    assert python("    atexit.register(lambda: print(len(scores())))") == "300"


def test_a_thread_that_outlives_the_main_one_predicts(python):
    program = """
    expected = scores()
    def late():
        threading.main_thread().join()
        print([scores(), scores()] == [expected] * 2)
    threading.Thread(target=late).start()
"""
    assert python(program) == "True"


def test_work_is_done_where_the_system_refuses_threads(monkeypatch):
    def refused(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert list(Workers(2).map(divmod, [7, 8], [2, 3])) == [(3, 1), (2, 2)]


def test_an_error_of_a_task_is_raised_where_its_result_is_taken():
    for workers in (Workers(2), _closed()):
        results = workers.map(divmod, [7, 8], [2, 0])
        assert next(results) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            next(results)


def _closed():
    workers = Workers(2)
    workers._pool = ThreadPoolExecutor(1)
    workers._pool.shutdown()
    return workers


def test_no_thread_is_started_before_there_is_work():
    before = threading.active_count()
    workers = Workers(2)
    assert threading.active_count() == before
    assert list(workers.map(abs, [-1])) == [1]
