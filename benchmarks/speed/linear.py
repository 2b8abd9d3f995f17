"""The linear peers as command lines that train and predict: fastText, its program and its module, and scikit-learn."""

import importlib.util
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed import texts
from benchmarks.speed.peers.fasttext_model import SETTINGS
from benchmarks.speed.processes import Command, seconds
from benchmarks.speed.settings import Setup

MODULES = "benchmarks.speed.peers"


@dataclass(frozen=True, slots=True)
class Linear:
    """A peer: `train` takes a labelled file and a path for the model, `predict` a model and a file of texts."""

    name: str
    train: Callable[[Path, Path], Command]
    predict: Callable[[Path, Path], Command]

    def model(self, setup: Setup, dataset: str) -> Path:
        """Return the model of a dataset, trained unless it is there."""
        path = setup.work / f"{dataset}-{self.name.replace(' ', '-')}.bin"
        if not path.is_file():
            print(f"  training {path}", file=sys.stderr, flush=True)
            seconds(self.train(texts.labelled(setup, dataset, "train"), path))
        return path


def _module(title: str, name: str) -> Linear:
    command = (sys.executable, "-m", f"{MODULES}.{name}")
    return Linear(
        title,
        lambda file, model: [*command, "train", file, model],
        lambda model, file: [*command, "predict", model, file],
    )


def _program(path: str) -> Linear:
    flags = [part for name, value in SETTINGS.items() for part in (f"-{name}", str(value))]
    return Linear(
        "fastText program",
        lambda file, model: [path, "supervised", "-input", file, "-output", model.with_suffix(""), *flags],
        lambda model, file: [path, "predict", model, file],
    )


def peers() -> list[Linear]:
    """Return those that are installed; `make bench` installs all."""
    program = shutil.which("fasttext") or shutil.which("fasttext", path=Path(sys.executable).parent)
    module = importlib.util.find_spec("fasttext")
    found = [
        _program(program) if program else None,
        _module("fastText module", "fasttext_model") if module else None,
        _module("scikit-learn", "sklearn_model"),
    ]
    return [one for one in found if one is not None]
