"""`attnclf predict` from a file, whole process, against its own bare network and against fastText and scikit-learn."""

from collections.abc import Callable
from contextlib import ExitStack

from attnclf.machine import cores
from benchmarks.results import machine, section, table
from benchmarks.speed import linear, models, texts
from benchmarks.speed.contender import Contender
from benchmarks.speed.processes import ATTNCLF, Command, seconds
from benchmarks.speed.rounds import Spread, in_turns, ratio
from benchmarks.speed.settings import Setup

DATASET, LINES = "trec", 200_000
REPEATING = "attnclf predict, fp32, half of the lines repeated from before"


def measure(setup: Setup) -> str:
    """Return the tables of lines a second and of ratios."""
    count = setup.rows or LINES
    file = texts.written(setup, DATASET, count)
    model = models.chosen(setup, DATASET)
    precisions = models.precisions(model)
    peers = linear.peers()
    with ExitStack() as processes:
        contenders: dict[str, Callable[[], float]] = {}
        for precision in precisions:
            bare = Contender("benchmarks.speed.peers.ours:session", model, precision, file)
            contenders[f"attnclf, network alone, {precision}"] = alone(processes.enter_context(bare))
            command = [*ATTNCLF, "predict", file, "--model", model, "--precision", precision]
            contenders[f"attnclf predict, {precision}"] = whole(command, count)
        again = texts.repeating(setup, DATASET, count)
        contenders[REPEATING] = whole([*ATTNCLF, "predict", again, "--model", model], count)
        for peer in peers:
            contenders[peer.name] = whole(peer.predict(peer.model(setup, DATASET), file), count)
        found = in_turns(contenders, setup.rounds or 3)
    ratios = [
        [f"{one} / {other}", ratio(found[one], found[other]).shown(2)]
        for precision in precisions
        for one in [f"attnclf predict, {precision}"]
        for other in (f"attnclf, network alone, {precision}", *(peer.name for peer in peers))
    ]
    ours = f"attnclf predict, {precisions[0]}"
    ratios.append([f"{REPEATING} / {ours}", ratio(found[REPEATING], found[ours]).shown(2)])
    lines = file.read_text(encoding="utf-8").splitlines()
    return section(
        machine("onnxruntime-gpu", "tokenizers", "fasttext-wheel", "scikit-learn"),
        f"{len(lines):,} lines of {sum(len(line.split()) for line in lines) / len(lines):.1f} words, "
        f"{len(set(lines)) / len(lines):.1%} of them different, read from a file; results are discarded. {texts.HOW}",
        "Whole processes, including start and loading of the model. Only the network alone is measured inside a "
        f"process, on the same tokenized lines in the same batches. Cores: attnclf {cores()}, fastText and "
        "scikit-learn one. Settings of fastText: those of its tutorial (word pairs, 50 dimensions). Settings of "
        "scikit-learn: TF-IDF of words, word pairs and pieces of words, and logistic regression.",
        table(["", "lines a second"], [[name, Spread.of(rates).shown()] for name, rates in found.items()]),
        table(["ratio of lines a second, by round", "median (least to greatest)"], ratios),
    )


def whole(command: Command, lines: int) -> Callable[[], float]:
    """Return what gives the lines a second of a whole process."""
    return lambda: lines / seconds(command)


def alone(session: Contender) -> Callable[[], float]:
    """Return what gives the lines a second of a bare network."""

    def rate() -> float:
        batches = session()
        return float(batches.texts / batches.seconds)

    return rate
