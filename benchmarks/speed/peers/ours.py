"""attnclf's own two halves, measured alone: the network on batches that are ready, and the training loop."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from attnclf.bundle import Precision
from attnclf.config import Config
from attnclf.config.presets import settings
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.windows import WINDOW
from benchmarks.speed.peers.rows import Rows, Training


class Batches(NamedTuple):
    """Texts and tokens (without padding) that went through the network, and the seconds that took."""

    texts: int
    tokens: int
    seconds: float


def session(model: Path, precision: Precision, file: Path) -> Callable[[], Batches]:
    """Return what runs the network over a file's texts, tokenized and padded before, in the batches of `predict`."""
    classifier = Classifier.load(model, precision=precision, device="cpu")
    texts = file.read_text(encoding="utf-8").splitlines()
    windows, tokens = [], 0
    for start in range(0, len(texts), WINDOW):
        encoded = classifier.encoded(texts[start : start + WINDOW])
        tokens += int(encoded.tokens.lengths.sum())
        windows.append([classifier.inputs(encoded, rows) for rows in classifier.batches(encoded)])

    def run() -> Batches:
        started = time.perf_counter()
        for batches in windows:
            for _ in classifier.each(lambda batch: classifier.backend.run(*batch), batches):
                pass
        return Batches(len(texts), tokens, time.perf_counter() - started)

    return run


def loop(file: Path, preset: str, changes: Mapping[str, object]) -> Callable[[], Training]:
    """Return what trains a new network of this preset for one epoch: `attnclf train` without files and validation."""
    import torch

    from attnclf.catalog import ARCHITECTURES
    from attnclf.text.ragged import Ragged
    from attnclf.training.examples import Examples
    from attnclf.training.preparation import PreparedData
    from attnclf.training.state import Progress
    from attnclf.training.trainer import Trainer

    rows = Rows.load(file)
    recipe = {"epochs": 1, "min_steps": 0, "batch_size": rows.batch_size, "learning_rate": rows.learning_rate}
    config = Config.from_dict(settings(preset, changes, {"training": recipe}))
    torch.set_num_threads(config.training.threads)
    examples = Examples(
        tokens=Ragged(rows.ids, rows.offsets).packed(rows.vocabulary),
        targets=rows.labels,
        weights=np.ones(len(rows.labels), np.float32),
        vocabulary=rows.vocabulary,
        unknown=None,
        # As costly as what n-grams would say.
        evidence=Ragged(np.ones(len(rows.ids), np.uint8), rows.offsets) if config.learns_from_ngrams else None,
        source="ngrams",
    )
    first = np.arange(1)
    one = Examples(
        tokens=examples.tokens.subset(first), targets=rows.labels[first], weights=examples.weights[first],
        vocabulary=rows.vocabulary, unknown=None,
    )  # fmt: skip

    def run() -> Training:
        torch.manual_seed(0)
        build = ARCHITECTURES[config.model.architecture].build
        network = build(config.model, rows.vocabulary, rows.classes, config.text.max_length)
        data = PreparedData(
            config=config, examples=examples, validation=one, network=network,
            label_weights=np.ones(rows.classes, np.float32),
        )  # fmt: skip
        stepped = 0.0

        def watch(progress: Progress) -> None:
            nonlocal stepped
            if progress.finished is None:
                stepped = time.perf_counter()

        trainer = Trainer(data, torch.device("cpu"), watch=watch)
        started = time.perf_counter()
        trainer.fit()
        # Until the last step: what follows it is the validation of a single row.
        return Training(len(rows.ids), stepped - started)

    return run
