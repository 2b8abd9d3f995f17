"""attnclf as a person runs it: `attnclf train` with a preset, on the files as they are."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attnclf.config.presets import PRESETS
from attnclf.evaluation.calibration import calibrate, uncalibrated
from attnclf.runtime.classifier import Classifier
from benchmarks.accuracy.contender import Contender, Fitted
from benchmarks.accuracy.datasets import Dataset, Rows


def fit(preset: str, dataset: Dataset, seed: int, folder: Path) -> Fitted:
    """Train in a process of its own, unless the folder holds the model already."""
    out = folder / f"{dataset.name}-{preset}-{seed}"
    timing = out.with_suffix(".seconds")
    if not out.is_dir():
        start = time.perf_counter()
        valid = dataset.file("valid")
        options = ["--out", str(out), "--preset", preset, "--seed", str(seed), "--device", "cpu", "--no-baseline"]
        options += ["--quiet", *(["--valid", str(valid)] if valid else [])]
        command = [sys.executable, "-m", "attnclf", "train", str(dataset.file("train")), *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        timing.write_text(str(time.perf_counter() - start), encoding="utf-8")
    classifier = Classifier.load(out)
    metrics = json.loads((out / "report" / "metrics.json").read_text(encoding="utf-8"))
    network = next(file for file in out.iterdir() if file.name == "model.onnx")
    return Fitted(
        predict=partial(predict, classifier, dataset),
        valid=100 * metrics["splits"]["valid"]["micro_f1" if dataset.multi_label else "accuracy"],
        megabytes=network.stat().st_size / 1e6,
        seconds=float(timing.read_text(encoding="utf-8")),
        ece=partial(ece, classifier, dataset),
    )


def ece(classifier: Classifier, dataset: Dataset, rows: Rows) -> tuple[float, float]:
    """Return the expected calibration error without the temperature and with it."""
    stated = classifier.predict_proba(rows.texts)[:, _order(classifier, dataset)]
    before = uncalibrated(stated, classifier.temperature, multi_label=dataset.multi_label)
    if dataset.multi_label:
        return calibrate(before, rows.targets > 0).ece, calibrate(stated, rows.targets > 0).ece
    right = stated.argmax(axis=1) == rows.targets
    return calibrate(before.max(axis=1), right).ece, calibrate(stated.max(axis=1), right).ece


def _order(classifier: Classifier, dataset: Dataset) -> list[int]:
    return [classifier.labels.index(name) for name in dataset.labels.names]


def predict(classifier: Classifier, dataset: Dataset, texts: Sequence[str]) -> NDArray[np.int64]:
    """Return the numbers of the labels as the dataset counts them."""
    probabilities, chosen = classifier.probabilities_and_labels(texts)
    order = _order(classifier, dataset)
    if dataset.multi_label:
        return chosen[:, order].astype(np.int64)
    return probabilities[:, order].argmax(axis=1).astype(np.int64)


CONTENDERS = [Contender(f"attnclf {preset}", partial(fit, preset), seeded=True) for preset in PRESETS]
