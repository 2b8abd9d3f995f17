"""How long a person waits for one answer: `echo hi | attnclf predict` against the bare import of its libraries."""

import sys
from functools import partial

from benchmarks.results import machine, section, table
from benchmarks.speed import models
from benchmarks.speed.processes import ATTNCLF, seconds
from benchmarks.speed.rounds import Spread, in_turns, ratio
from benchmarks.speed.settings import Setup

DATASET = "trec"
IMPORTS = "import onnxruntime, tokenizers, typer"


def measure(setup: Setup) -> str:
    """Return the tables of milliseconds and of ratios."""
    model = models.chosen(setup, DATASET)
    contenders = {
        "`python -c pass`": partial(seconds, [sys.executable, "-c", "pass"]),
        f'`python -c "{IMPORTS}"`': partial(seconds, [sys.executable, "-c", IMPORTS]),
        "`echo hi \\| attnclf predict`": partial(seconds, [*ATTNCLF, "predict", "--model", model], given=b"hi\n"),
        '`python -c "import typer"`': partial(seconds, [sys.executable, "-c", "import typer"]),
        "`attnclf --help`": partial(seconds, [*ATTNCLF, "--help"]),
    }
    found = in_turns(contenders, setup.rounds or 20)
    _, libraries, predict, typer, help_ = found
    ratios = [
        [f"{ours} / {theirs}", ratio(found[ours], found[theirs]).shown(2)]
        for ours, theirs in ((predict, libraries), (help_, typer))
    ]
    times = [[name, Spread.of([1000 * one for one in rounds]).shown()] for name, rounds in found.items()]
    return section(
        machine("onnxruntime-gpu", "tokenizers", "typer"),
        f"Whole processes, {len(found[predict])} rounds.",
        table(["command", "milliseconds"], times),
        table(["ratio, by round", "median (least to greatest)"], ratios),
    )
