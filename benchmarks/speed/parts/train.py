"""Training: tokens a second at equal widths against naive torch and Keras; whole trainings against linear models."""

import importlib.util
import random
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from attnclf.config import Config, TextConfig, TrainingConfig
from attnclf.machine import cores
from attnclf.text.tokenizer import Tokenizer
from benchmarks.results import machine, section, table, threads
from benchmarks.speed import flops, linear, models, texts
from benchmarks.speed.contender import Contender, environment
from benchmarks.speed.parts.core import scored
from benchmarks.speed.parts.limit import limit
from benchmarks.speed.peers.rows import DIM, HIDDEN, Rows
from benchmarks.speed.processes import ATTNCLF, seconds
from benchmarks.speed.rounds import Spread, in_turns, ratio
from benchmarks.speed.settings import NotHereError, Setup

DATASET = "sst2"
WIDER = (2 * HIDDEN, 4 * HIDDEN)  # where a step is more arithmetic: how near the limit that comes
PASSES = {"plain": 1, "balanced": 2}  # forward and backward for a step; balanced repeats them for its worst case
OURS = (*((preset, HIDDEN) for preset in PASSES), *(("plain", hidden) for hidden in WIDER))
BACKENDS = {"torch": "torch", "tensorflow": "tensorflow-cpu", "jax": "jax"}  # of Keras, and what brings them
PEERS = "benchmarks.speed.peers"


def measure(setup: Setup) -> str:
    """Return the tables of tokens a second, of ratios, and of whole trainings."""
    rows = prepared(setup)
    rows.save(setup.work / "rows.npz")
    backends = [name for name in BACKENDS if importlib.util.find_spec(name)]
    rates, limits = in_one_run(setup.work / "rows.npz", backends, setup.rounds or 3)
    lengths = [len(text) for text in rows.texts()]
    return section(
        machine("torch", "keras", *(BACKENDS[name] for name in backends), "fasttext-wheel", "scikit-learn"),
        f"One epoch of {len(lengths):,} rows of {DATASET}, the same ids for all, {sum(lengths) / len(lengths):.1f} "
        f"tokens a row, at most {max(lengths)}. Vocabulary {rows.vocabulary:,}, embedding {DIM}, LSTM 2 × {HIDDEN} "
        f"unless the table names another, batches of {rows.batch_size}, AdamW at {rows.learning_rate:g}, the same "
        "dropout. Forward, backward and update, no validation. Tokens are counted once and without padding, though "
        "preset balanced runs forward and backward twice for each step (adversarial training). In attnclf, "
        "each product has one thread and each direction of the layer one core. Only attnclf clips gradients. "
        "naive torch and Keras use their default threads. Keras pads each text to the longest, by "
        "`pad_sequences`.",
        table(["network", "tokens a second"], [[name, Spread.of(rate).shown()] for name, rate in rates.items()]),
        table(["ratio, by round", "median (least to greatest)"], ratios(rates, limits)),
        "Whole trainings, from a file of rows to a model on disk, each with its own defaults. That of attnclf "
        "chooses the best epoch on validation rows, adds its n-grams and a baseline, exports and reports. Settings of "
        "fastText: those of its tutorial.",
        whole_trainings(setup),
    )


def prepared(setup: Setup) -> Rows:
    """Return rows of the dataset, repeated where more are wanted than there are, as ids."""
    read = setup.read(DATASET, "train")
    random.Random(0).shuffle(read)
    rows = list(islice(cycle(read), setup.rows or len(read)))
    tokenizer = Tokenizer.learn([row.text for row in rows], **asdict(TextConfig()))
    tokens = tokenizer.encode([row.text for row in rows]).filled(tokenizer.blank)
    names = sorted({row.label for row in rows})
    recipe = TrainingConfig()
    return Rows.of(
        tokens,
        labels=[names.index(row.label) for row in rows],
        vocabulary=tokenizer.size,
        # As attnclf makes it of few rows.
        batch_size=max(min(recipe.batch_size, len(rows) // 64), min(recipe.batch_size, 8)),
        learning_rate=recipe.learning_rate,
    )


def in_one_run(
    file: Path, backends: Sequence[str], rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return tokens a second of each network in each round, and the limit for each number of threads."""
    with ExitStack() as processes:
        networks = {
            ours(preset, hidden): Contender(f"{PEERS}.ours:loop", file, preset, widths(hidden))
            for preset, hidden in OURS
        }
        networks["naive torch"] = Contender(f"{PEERS}.naive_torch:prepare", file)
        networks["naive torch, one thread"] = Contender(
            f"{PEERS}.naive_torch:prepare", file, environ={"OMP_NUM_THREADS": "1"}
        )
        for name in backends:
            quiet = {"KERAS_BACKEND": name, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}
            networks[f"Keras on {name}"] = Contender(f"{PEERS}.keras_model:prepare", file, environ=quiet)
        limits = {threads(count): limit(count) for count in sorted({1, cores()})}
        for contender in (*networks.values(), *limits.values()):
            processes.enter_context(contender)
        found = in_turns({**networks, **limits}, rounds)
    rates = {name: [result.tokens / result.seconds for result in found[name]] for name in networks}
    return rates, {name: found[name] for name in limits}


def ratios(rates: dict[str, list[float]], limits: dict[str, list[float]]) -> list[list[str]]:
    """Return attnclf against the others at equal widths, and as a fraction of the limit."""
    rows = []
    for preset, hidden in OURS:
        name = ours(preset, hidden)
        others = [theirs for theirs in rates if not theirs.startswith("attnclf")] if hidden == HIDDEN else []
        rows += [[f"{name} / {theirs}", ratio(rates[name], rates[theirs]).shown(1)] for theirs in others]
        operations = PASSES[preset] * flops.TRAINING * flops.forward(Config.from_dict(widths(hidden)).model)
        for count, limited in limits.items():
            fraction = ratio([operations * rate / 1e9 for rate in rates[name]], limited)
            rows.append([f"{name}: {operations:,} FLOPs a token, of the limit on {count}", fraction.shown(2)])
    return rows


def ours(preset: str, hidden: int) -> str:
    """Return what a training of attnclf is called."""
    return f"attnclf, preset {preset}" + (f", LSTM 2 × {hidden}" if hidden != HIDDEN else "")


def widths(hidden: int) -> dict[str, Any]:
    """Return the settings for a network of this width."""
    return {"model": {"embedding": {"dim": DIM}, "encoder": {"hidden": hidden}}}


def whole_trainings(setup: Setup) -> str:
    """Return the table of seconds, sizes and accuracies."""
    folder = setup.work / "whole"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    train, test = setup.split(DATASET, "train"), setup.split(DATASET, "test")
    named = {f"attnclf, preset {preset}": folder / preset for preset in ("fast", "balanced")}
    contenders: dict[str, Callable[[], float]] = {}
    for name, out in named.items():
        command = [*ATTNCLF, "train", train, "--out", out, "--preset", out.name, "--device", "cpu", "--force"]
        contenders[name] = partial(seconds, command)
    peers = linear.peers()
    for peer in peers:
        model = folder / f"{peer.name.replace(' ', '-')}.bin"
        contenders[peer.name] = partial(seconds, peer.train(texts.labelled(setup, DATASET, "train"), model))
        named[peer.name] = model
    found = in_turns(contenders, setup.rounds or 3, unmeasured=0)
    right = {name: scored(named[name], test, "fp32") for name in named if name.startswith("attnclf")}
    right |= {peer.name: accuracy(setup, peer, named[peer.name]) for peer in peers}
    return table(
        [f"{DATASET}, {len(setup.read(DATASET, 'train')):,} rows", "seconds", "model, MB", "test accuracy, %"],
        [
            [name, Spread.of(found[name]).shown(1), f"{models.size(path):.1f}", f"{100 * right[name]:.1f}"]
            for name, path in named.items()
        ],
    )


def accuracy(setup: Setup, peer: linear.Linear, model: Path) -> float:
    """Return the share of test rows that a linear peer labels rightly."""
    lines = texts.labelled(setup, DATASET, "test").read_text(encoding="utf-8").splitlines()
    true, asked = zip(*(line.split(" ", 1) for line in lines), strict=True)
    file = setup.work / f"{DATASET}-test.txt"
    file.write_text("".join(f"{text}\n" for text in asked), encoding="utf-8")
    done = subprocess.run(
        list(map(str, peer.predict(model, file))),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
        env=environment(),
    )
    predicted = done.stdout.split()
    if len(predicted) != len(true):
        raise NotHereError(f"{peer.name} gave {len(predicted):,} labels for {len(true):,} texts")
    return sum(one == other for one, other in zip(predicted, true, strict=True)) / len(true)
