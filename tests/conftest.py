"""What many tests share: the command in a fresh process, and two small models trained once per session."""

import gc
import os
import signal
import subprocess
import sys

import pytest
from filelock import FileLock
from support import ENVIRONMENT, EXAMPLES, invoke, shapes_unchecked, weights_alone

# Narrow and short, so that a model takes seconds; deterministic, so that runs can be compared.
SMALL = {
    "text": {"max_length": 40},
    "model": {
        "embedding": {"dim": 12, "token_dropout": 0.1},
        "encoder": {"hidden": 8},
        "ngrams": {"features": 200},
        "dropout": 0.2,
    },
    "training": {"epochs": 6, "min_steps": 1, "learning_rate": 0.02},
}

# Imports and exports make millions of objects that stay: looking through them for garbage took a tenth of the time.
gc.set_threshold(50_000)

# A shell that starts the tests in the background tells them to ignore Ctrl-C, and so would every command they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Start with the documentation, whose commands take longest: no process is left alone with them at the end."""
    items.sort(key=lambda item: item.path.parent.name != "docs")


class Command:
    """Runs `attnclf` in a fresh process, as a person would."""

    line = (sys.executable, "-m", "attnclf")

    def __call__(self, *arguments, input=b"", env=None, cwd=None):
        """Run to the end with `input` on stdin; stdout and stderr come back as text."""
        done = subprocess.run(
            [*self.line, *map(str, arguments)],
            input=input.encode() if isinstance(input, str) else input,
            capture_output=True,
            env={**ENVIRONMENT, **(env or {})},
            cwd=cwd,
            timeout=300,
            check=False,
        )
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        return done

    def start(self, *arguments, env=None, **streams):
        """Start and return the running process, unbuffered, with pipes unless told otherwise."""
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return subprocess.Popen(
            [*self.line, *map(str, arguments)], bufsize=0, env={**ENVIRONMENT, **(env or {})}, **{**pipes, **streams}
        )

    def shell(self, script):
        """Run a bash script in which $attnclf is the command."""
        command = " ".join(f"'{word}'" for word in self.line)
        return subprocess.run(
            ["bash", "-c", script.replace("$attnclf", command)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, env=ENVIRONMENT, timeout=300, check=False,
        )  # fmt: skip


@pytest.fixture(scope="session")
def attnclf():
    return Command()


@pytest.fixture(scope="session")
def chromium():
    """Return the path of a browser."""
    import shutil

    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def examples():
    return EXAMPLES


@pytest.fixture(scope="session")
def small():
    """Settings of a network that trains in seconds, as nested plain values."""
    return SMALL


@pytest.fixture(scope="session")
def tickets():
    """The texts of the English example."""
    import csv

    with (EXAMPLES / "tickets" / "tickets.csv").open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


@pytest.fixture(scope="session")
def one_thread():
    """Let torch compute on one thread, as the processes of these tests do: sums are then made in one order."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def exporting(one_thread):
    """Train and export inside this process."""
    with shapes_unchecked():
        yield


@pytest.fixture
def unexported(monkeypatch):
    """Let a training write its weights alone."""
    monkeypatch.setattr("attnclf.training.pipeline.write_bundle", weights_alone)


def trained(data, out):
    from attnclf.config import Config
    from attnclf.training.pipeline import train

    with shapes_unchecked():
        train(str(data), out, config=Config.from_dict(SMALL), device="cpu", baseline=False, say=lambda line: None)
    return out


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Return a folder that is made once, by the first of the processes that run these tests at the same time."""
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent

    def once(name, make):
        with FileLock(place / f"{name}.lock"):
            if not (place / f"{name}.made").exists():
                make(place / name)
                (place / f"{name}.made").touch()
        return place / name

    return once


@pytest.fixture(scope="session")
def model(once, one_thread):
    """A model folder with one label a text: the English example. Never changed: tests that change it copy it."""
    return once("single", lambda out: trained(EXAMPLES / "tickets" / "tickets.csv", out))


@pytest.fixture(scope="session")
def multi_model(once, one_thread):
    """A model folder with any number of labels a text: the Russian example. Never changed."""
    return once("multi", lambda out: trained(EXAMPLES / "intents-ru" / "multi.jsonl", out))


@pytest.fixture(scope="session")
def classifier(model):
    from attnclf.runtime.classifier import Classifier

    return Classifier.load(model, device="cpu", threads=1)


@pytest.fixture(scope="session")
def multi_classifier(multi_model):
    from attnclf.runtime.classifier import Classifier

    return Classifier.load(multi_model, device="cpu", threads=1)


@pytest.fixture
def in_session(exporting):
    """Run the command in this process: where many runs are compared, and a process of its own says nothing more."""
    return invoke
