"""Every mechanism that can be chosen, as one list; and a trial that shows whether one works here, end to end."""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attnclf.catalog import ALIGNMENTS, ARCHITECTURES, CONTEXTS, SCORES, reading
from attnclf.config import Config, presets
from attnclf.data.read_options import ReadOptions
from attnclf.data.training_set import Sources
from attnclf.explain.api import explain
from attnclf.runtime.classifier import Classifier
from attnclf.training.pipeline import train

# Rows to learn from: a text, and its subjects, of which the first is the label where there may be only one.
ROWS = {
    "the parcel came two days late": "delivery",
    "my parcel never came": "delivery",
    "the courier left the parcel in the rain": "delivery",
    "where is the courier with my order": "delivery",
    "the courier lost my parcel and you charged the card twice": "delivery|payment",
    "no parcel, no refund": "delivery|payment",
    "the card was charged twice": "payment",
    "please refund the second charge": "payment",
    "the invoice shows the wrong price": "payment",
    "my card was refused": "payment",
    "refund my card, the courier never came": "payment|delivery",
    "you charged me for a parcel that is late": "payment|delivery",
}
COPIES = 2  # of the rows: enough for a few batches and a validation part

# Narrow and short: whether it runs is asked, not whether it learns well.
SMALLEST: dict[str, Any] = {
    "text": {"max_length": 12, "min_frequency": 1},
    "training": {"epochs": 2, "min_steps": 0, "valid_fraction": 0.25},
}
NARROW = {"model": {"embedding": {"dim": 8}}}  # where tokens have vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A mechanism: where it belongs (score, alignment, context, architecture), its name, formula and source.

    `settings` are those of the model that choose it.
    """

    kind: str
    name: str
    formula: str
    source: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How a trial ended: `problem` is None when all went well; seconds of the whole."""

    problem: str | None
    seconds: float


def mechanisms() -> list[Row]:
    """Return every score, alignment, context and architecture."""
    rows = [
        Row(
            kind=kind,
            name=name,
            formula=row.formula,
            source=row.source,
            settings={"attention": attention_settings(kind, name)},
        )
        for kind, table in (("score", SCORES), ("alignment", ALIGNMENTS), ("context", CONTEXTS))
        for name, row in table.items()
    ]
    return rows + [
        Row(
            kind="architecture",
            name=name,
            formula=architecture.formula,
            source=architecture.source,
            settings={"architecture": name},
        )
        for name, architecture in ARCHITECTURES.items()
    ]


def attention_settings(kind: str, name: str) -> dict[str, str]:
    """Return the settings of attention that choose a mechanism, and what it needs in addition."""
    settings = {kind: name}
    if kind == "alignment" and "query" in ALIGNMENTS[name].inputs:
        settings["score"] = next(score for score, row in SCORES.items() if "query" in row.inputs)
    if kind == "context" and CONTEXTS[name].one_hot:
        settings["alignment"] = next(alignment for alignment, row in ALIGNMENTS.items() if row.one_hot)
    return settings


def attempt(row: Row) -> Trial:
    """Train a tiny network with the mechanism, export it, predict and explain; say what went wrong, whatever it was."""
    started = time.monotonic()
    problem = None
    try:
        with tempfile.TemporaryDirectory() as folder:
            _through(row, Path(folder))
    except Exception as error:  # one broken mechanism must not keep the others from being tried
        problem = f"{type(error).__name__}: {error}"
    return Trial(problem=problem, seconds=time.monotonic() - started)


def _through(row: Row, folder: Path) -> None:
    several = row.kind == "architecture" and ARCHITECTURES[row.name].sequential
    data = folder / "rows.tsv"
    lines = [f"{text}\t{labels if several else labels.split('|')[0]}" for text, labels in ROWS.items()]
    data.write_text("\n".join(["text\tlabel", *lines * COPIES]) + "\n", encoding="utf-8")
    narrow = NARROW if row.settings.get("architecture", "temporal") in reading("embedding") else {}
    config = Config.from_dict(presets.settings("plain", SMALLEST, narrow, {"model": row.settings}))
    sources = Sources(options=ReadOptions(label_separator="|" if several else None))
    train(
        str(data), folder / "model", sources=sources, config=config, device="cpu", baseline=False, say=lambda line: None
    )

    classifier = Classifier.load(folder / "model", device="cpu", threads=1)
    texts = [*ROWS, "", "something else " * 20]
    for text, prediction in zip(texts, classifier.predict(texts, named=list(classifier.backend.axes)), strict=True):
        tokens = len(classifier.tokenizer.encode([text])[0])
        numbers = [prediction.probabilities, prediction.attention, *prediction.named.values()]
        assert all(np.isfinite(array).all() for array in numbers), f"a number that is none, for {text!r}"
        assert prediction.attention.shape == (tokens,), f"attention of another length than {text!r}"
    for text, explanation in zip(texts, explain(classifier, texts), strict=True):
        assert all(text[word.start : word.end] == word.text for word in explanation.words), f"words not of {text!r}"
