"""How well the score of `predict` separates questions that fit no label from those that do.

    python -m benchmarks.out_of_scope MODEL FOLDER/clinc150 [--out benchmarks/RESULTS.md]

MODEL was trained on the train rows, which contain no other questions. AUROC (area under the ROC curve) is how often a
question with a label scores higher than one without; a random score has 0.5. The score is chosen on the rows of valid
and valid_oos; test and test_oos are then reported for all.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from attnclf.runtime.classifier import Classifier
from benchmarks.results import machine, publish, section, table

SCORES: dict[str, Callable[[NDArray[np.floating]], NDArray[np.floating]]] = {
    "greatest probability (the score of `predict`)": lambda stated: stated.max(axis=1),
    "lead over the second label": lambda stated: np.diff(np.sort(stated, axis=1)[:, -2:], axis=1)[:, 0],
    "negative entropy": lambda stated: (stated * np.log(np.maximum(stated, 1e-12))).sum(axis=1),
}
SHARES = (0.8, 0.9, 0.95)  # of the questions with a label that are to keep theirs


def texts(file: Path) -> list[str]:
    """Return the texts of a .jsonl file."""
    return [json.loads(line)["text"] for line in file.read_text(encoding="utf-8").splitlines()]


def main(model: Path, folder: Path, out: Annotated[Path | None, typer.Option()] = None) -> None:
    """Score both kinds of questions and print the tables."""
    classifier = Classifier.load(model, device="cpu")
    stated = {
        name: classifier.predict_proba(texts(folder / f"{name}.jsonl"))
        for name in ("valid", "valid_oos", "test", "test_oos")
    }
    rows = []
    for name, score in SCORES.items():
        areas = [
            roc_auc_score(
                np.repeat([1, 0], [len(stated[split]), len(stated[f"{split}_oos"])]),
                np.concatenate([score(stated[split]), score(stated[f"{split}_oos"])]),
            )
            for split in ("valid", "test")
        ]
        rows.append([name, *(f"{area:.3f}" for area in areas)])
    confidence = {name: value.max(axis=1) for name, value in stated.items()}
    kept = []
    for share in SHARES:
        least = np.quantile(confidence["valid"], 1 - share)
        kept.append(
            [
                f"{least:.2f}",
                *(f"{100 * (confidence[split] >= least).mean():.1f}" for split in ("test", "test_oos")),
            ]
        )
    body = section(
        machine("onnxruntime-gpu"),
        f"{len(stated['test']):,} test questions with a label and {len(stated['test_oos']):,} without.",
        table(["score", "AUROC, validation", "AUROC, test"], rows),
        "The `--min-confidence` that keeps 80, 90 or 95 % of the validation questions, and what it keeps of the test "
        "questions, %:",
        table(["--min-confidence", "with a label", "without"], kept),
    )
    publish(body, out, "Out of scope")


if __name__ == "__main__":
    typer.run(main)
