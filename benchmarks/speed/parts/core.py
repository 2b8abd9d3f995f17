"""The network alone, on ready batches, against the machine's limit; int8 against fp32, in speed and in accuracy."""

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path

from attnclf.bundle import open_bundle
from attnclf.config import Config
from attnclf.machine import cores
from benchmarks.results import machine, section, table
from benchmarks.speed import flops, models, texts
from benchmarks.speed.contender import Contender
from benchmarks.speed.parts.limit import limit
from benchmarks.speed.processes import ATTNCLF
from benchmarks.speed.rounds import Spread, in_turns, ratio
from benchmarks.speed.settings import Setup

DATASET, LINES = "trec", 50_000
ACCURACY = ("trec", "sst2", "banking77")


def measure(setup: Setup) -> str:
    """Return the tables of speed and of accuracy."""
    file = texts.written(setup, DATASET, setup.rows or LINES)
    if setup.model is not None:
        measured = {"your model": models.chosen(setup, DATASET)}
    else:
        measured = {preset: models.trained(setup, DATASET, preset) for preset in ("plain", "balanced")}
    with ExitStack() as processes:
        contenders = {"limit": processes.enter_context(limit(cores()))}
        for preset, model in measured.items():
            for precision in models.precisions(model):
                contender = Contender("benchmarks.speed.peers.ours:session", model, precision, file)
                contenders[f"{preset}, {precision}"] = processes.enter_context(contender)
        found = in_turns(contenders, setup.rounds or 7)
    limits = found.pop("limit")
    rates = {name: [batch.tokens / batch.seconds for batch in batches] for name, batches in found.items()}
    rows = []
    for name, rate in rates.items():
        preset, _, precision = name.rpartition(", ")
        operations = operations_of(measured[preset])
        speeds = [tokens * operations / 1e9 for tokens in rate]
        against = "1" if precision == "fp32" else ratio(rate, rates[f"{preset}, fp32"]).shown(2)
        rows.append(
            [name, f"{operations:,}", Spread.of(rate).shown(), Spread.of(speeds).shown(),
             ratio(speeds, limits).shown(2), against]
        )  # fmt: skip
    batch = next(iter(found.values()))[0]
    columns = ["network", "FLOPs a token", "tokens a second", "GFLOP/s", "of the limit", "int8 / fp32"]
    parts = [
        machine("onnxruntime-gpu", "numpy", "torch"),
        f"{batch.texts:,} generated texts of {batch.tokens / batch.texts:.1f} tokens; {cores()} batches at a time, "
        f"each on one core; limit on {cores()} cores: {Spread.of(limits).shown()} GFLOP/s. Tokens do not include "
        "padding. Operations do not include gates, the output layer, and the n-grams that `balanced` adds "
        "([formula](speed/flops.py)).",
        table(columns, rows),
    ]
    if setup.model is None:
        parts += ["Test rows of public datasets, default preset:", accuracy(setup)]
    return section(*parts)


def operations_of(model: Path) -> int:
    """Return the floating-point operations of one token in this model."""
    manifest = open_bundle(model).manifest
    return flops.forward(Config.from_dict(manifest["config"]).model)


def accuracy(setup: Setup) -> str:
    """Return the table of accuracy in fp32 and int8."""
    rows = []
    for dataset in ACCURACY:
        model = models.trained(setup, dataset)
        scores = [scored(model, setup.split(dataset, "test"), precision) for precision in models.precisions(model)]
        said = [f"{100 * score:.2f}" for score in scores]
        rows.append(
            [dataset, *said, f"{100 * (scores[-1] - scores[0]):+.2f}"] if said[1:] else [dataset, *said, "refused", ""]
        )
    return table(["dataset", "fp32, %", "int8, %", "difference"], rows)


def scored(model: Path, data: Path, precision: str) -> float:
    """Return the accuracy on labelled rows."""
    command = [*ATTNCLF, "evaluate", str(data), "--model", str(model), "--precision", precision, "--format", "json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return float(json.loads(done.stdout)["accuracy"])
