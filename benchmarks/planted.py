"""Which methods find the words that decide, on texts with planted words.

    python -m benchmarks.planted [--seed 0 --seed 1 --seed 2] [--rows 3000] [--out benchmarks/RESULTS.md]

A text has English, Russian and Chinese words without meaning in random order, and among them the evidence. There are
three kinds:

- `word`: one to three of the words of the label;
- `pair`: two neighbours, of which each alone occurs equally often with both labels: only together they decide;
- `negated`: a word of the label, or the negation before a word of the other label. In a third of the texts a negation
  precedes a word without meaning.

`attnclf train` trains a model of the default preset on four fifths of the rows. The others are explained. The figure is
the precision of the k words with the highest weights, where k words were planted. It is a mean over texts and seeds,
with a 95 % interval over texts. Texts that the model labels wrong are included.
"""

import json
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
import typer

from attnclf.config import Config
from attnclf.config.presets import DEFAULT, settings
from attnclf.evaluation.intervals import bootstrapped
from attnclf.explain import choice
from attnclf.explain.api import explain
from attnclf.explain.methods import working
from attnclf.runtime.classifier import Classifier
from attnclf.training.pipeline import train
from benchmarks.results import machine, publish, section, table

FILLING = (
    "table window seven river paper during street around letter morning number corner yellow kitchen travel market "
    "engine garden button silver стол окно бумага улица вокруг письмо утро номер угол кухня рынок сад кнопка мост "
    "山 石 木 书 门 车 路 桌 灯 纸"
)
FILLERS = FILLING.split()
WORDS = {
    "warm": ["sunny", "heatwave", "жара", "солнце", "晴"],
    "wet": ["drizzle", "downpour", "дождь", "ливень", "雨"],
    "cold": ["frost", "blizzard", "мороз", "снег", "冰"],
}
POLAR = {
    "praise": ["splendid", "charming", "чудесно", "отлично", "好"],
    "blame": ["dreadful", "tedious", "ужасно", "скучно", "坏"],
}
EXPLAINED = 200  # of the rows that were not trained on
NEGATIONS = ("not", "не", "不")
FIRST, SECOND = ["amber", "cedar", "янтарь", "金"], ["falcon", "heron", "сокол", "马"]


class Planted(NamedTuple):
    """A text, its label, and the words in it that decided."""

    text: str
    label: str
    evidence: frozenset[str]


def word(chooser: random.Random) -> Planted:
    """Return a text with words of its label."""
    label = chooser.choice(list(WORDS))
    planted = chooser.sample(WORDS[label], chooser.randint(1, 3))
    return _among_fillers(chooser, [[one] for one in planted], label, planted)


def pair(chooser: random.Random) -> Planted:
    """Return a text with two neighbours whose parity is its label."""
    one, other = chooser.randrange(len(FIRST)), chooser.randrange(len(SECOND))
    planted = [FIRST[one], SECOND[other]]
    return _among_fillers(chooser, [planted], "odd" if (one + other) % 2 else "even", planted)


def negated(chooser: random.Random) -> Planted:
    """Return a text with a word of its label, or a negation before one of the other label."""
    label = chooser.choice(list(POLAR))
    turned = chooser.random() < 0.5
    named = next(name for name in POLAR if (name != label) == turned)
    no, idle = chooser.sample(NEGATIONS, 2)
    planted = [no] * turned + [chooser.choice(POLAR[named])]
    blocks = [planted]
    if chooser.random() < 1 / 3:
        blocks.append([idle, chooser.choice(FILLERS)])
    return _among_fillers(chooser, blocks, label, planted)


KINDS: Mapping[str, Callable[[random.Random], Planted]] = {"word": word, "pair": pair, "negated": negated}


def _among_fillers(
    chooser: random.Random, blocks: Sequence[Sequence[str]], label: str, planted: Sequence[str]
) -> Planted:
    parts = [*([chooser.choice(FILLERS)] for _ in range(chooser.randint(10, 18))), *blocks]
    chooser.shuffle(parts)
    return Planted(" ".join(one for part in parts for one in part), label, frozenset(planted))


def corpus(kind: str, rows: int, seed: int) -> list[Planted]:
    """Return different texts, the same for the same seed."""
    chooser = random.Random(f"{kind} {seed}")
    found: dict[str, Planted] = {}
    while len(found) < rows:
        one = KINDS[kind](chooser)
        found[one.text] = one
    return list(found.values())


def learned(rows: Sequence[Planted], config: Config, folder: Path) -> Classifier:
    """Return a model that `attnclf train` made of the rows in an empty folder."""
    data = folder / "rows.jsonl"
    lines = [json.dumps({"text": row.text, "label": row.label}, ensure_ascii=False) for row in rows]
    data.write_text("\n".join(lines) + "\n", encoding="utf-8")
    train(str(data), folder / "model", config=config, device="cpu", baseline=False, say=lambda line: None)
    return Classifier.load(folder / "model", device="cpu", threads=1)


def precision(classifier: Classifier, rows: Sequence[Planted], method: str) -> list[float]:
    """Return for each text the share of the heaviest words that were planted, as many as were."""
    shares = []
    found = explain(classifier, [row.text for row in rows], method=method, faithfulness=False)
    for row, one in zip(rows, found, strict=True):
        heaviest = sorted(one.words, key=lambda word: -word.weight)[: len(row.evidence)]
        shares.append(sum(word.text in row.evidence for word in heaviest) / len(row.evidence))
    return shares


def main(
    seed: Annotated[list[int] | None, typer.Option()] = None,
    kind: Annotated[list[str] | None, typer.Option()] = None,
    rows: int = 3000,
    out: Path | None = None,
) -> None:
    """Train a model of each kind with each seed, and print the table."""
    torch.set_num_threads(1)
    seeds, kinds = seed or [0, 1, 2], kind or list(KINDS)
    shares: dict[str, dict[str, list[float]]] = {}
    right: dict[str, list[float]] = {name: [] for name in kinds}
    taken: dict[str, list[str]] = {name: [] for name in kinds}
    for name in kinds:
        for one in seeds:
            planted = corpus(name, rows, one)
            kept = len(planted) * 4 // 5
            tested = planted[kept:][:EXPLAINED]
            config = Config.from_dict(settings(DEFAULT, {"training": {"seed": one}}))
            with tempfile.TemporaryDirectory() as folder:
                classifier = learned(planted[:kept], config, Path(folder))
                predictions = classifier.predict([row.text for row in tested])
                right[name] += [answer.label == row.label for answer, row in zip(predictions, tested, strict=True)]
                taken[name].append(choice.best(classifier.bundle))
                for method in ("auto", *working(classifier.bundle, classifier.backend.axes)):
                    found = precision(classifier, tested, method)
                    shares.setdefault(method, {}).setdefault(name, []).extend(found)
                    typer.echo(f"{name}, seed {one}, {method}: {np.mean(found):.3f}", err=True)
    figures = [
        [method, *(_shown(bootstrapped(by_kind[name])) if name in by_kind else "" for name in kinds)]
        for method, by_kind in shares.items()
    ]
    about = (
        f"Preset {DEFAULT}, seeds {', '.join(map(str, seeds))}, {rows:,} rows of each kind, {EXPLAINED} explained. "
        f"Accuracy in %: {', '.join(f'{name} {100 * np.mean(right[name]):.1f}' for name in kinds)}. "
        f"auto took {'; '.join(f'for {name} {_several(taken[name])}' for name in kinds)}."
    )
    body = section(machine("torch", "onnxruntime-gpu"), about, table(["method", *kinds], figures))
    publish(body, out, "Planted evidence")


def _several(names: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _shown(mean: tuple[float, float, float]) -> str:
    middle, low, high = mean
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    typer.run(main)
