"""Train attention with and without the evidence that people marked, and score it against evidence it never saw.

    python -m benchmarks.rationales FOLDER/hatexplain [--split valid] [--seed 0 --seed 1] [--set section.key=value]

The folder has train, valid and test as .jsonl or .jsonl.gz, whose rows have `text`, `tokens`, `label` and `rationale`,
a mark of 0 or 1 for each token or null. The best epoch is that of the best accuracy on validation rows.
`--split valid`, the default, is for choosing settings; `--split test` is for the end.

A token's weight is the sum of the attention of the model's tokens in it. Plausibility is scored on rows with a
mark. The heaviest tokens are chosen, by the mean share of marked tokens in training rows with a mark. Chosen spans are
runs of them.
`random` is a ranking by chance.
"""

import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from attnclf.config import Config, merged, parse_assignment
from attnclf.config.presets import settings
from attnclf.data.streams import open_bytes
from attnclf.data.training_set import Sources
from attnclf.explain.metrics.plausibility import Marks, mean_share, plausibility
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.prediction import Prediction
from attnclf.training.pipeline import train
from benchmarks.results import mean_and_range
from benchmarks.splits import split_of

# The network of Mathew et al. 2021 has an additive score without bounds, too.
WAYS: dict[str, dict[str, Any]] = {
    "without rationales": {"training": {"attention": {"rationale": 0.0}}},
    "with rationales": {},
}
FIGURES = ("accuracy", "macro-F1", "AUPRC", "token F1", "IOU F1")

Row = dict[str, Any]


def rows_of(path: Path) -> list[Row]:
    """Return the rows of a file."""
    with open_bytes(path) as stream:
        return [json.loads(line) for line in stream]


def marks_of(rows: Sequence[Row]) -> list[Marks]:
    """Return the marks of the rows that have any."""
    return [np.array(row["rationale"], dtype=bool) for row in rows if row["rationale"] and any(row["rationale"])]


def token_weights(classifier: Classifier, row: Row, prediction: Prediction) -> NDArray[np.float64]:
    """Return the attention of each token of a row (tokens,), 0 beyond what was read."""
    edges = np.cumsum([0, *(len(token) + 1 for token in row["tokens"])])
    pieces = classifier.tokenizer.pieces(row["text"])[: len(prediction.attention)]
    owner = np.searchsorted(edges, [piece.start for piece in pieces], side="right") - 1
    return np.bincount(owner, prediction.attention, minlength=len(row["tokens"]))


def plausible(weights: Sequence[NDArray[np.floating]], marked: Sequence[Marks], share: float) -> dict[str, float]:
    """Return the three figures in %."""
    found = plausibility(weights, marked, share)
    return {
        "AUPRC": 100 * float(found.auprc.mean()),
        "token F1": 100 * float(found.token_f1.mean()),
        "IOU F1": 100 * found.iou_f1,
    }


def scored(folder: Path, split: Path, share: float) -> dict[str, float]:
    """Return the figures of a model on a split in %; accuracy and macro-F1 from its own report."""
    classifier = Classifier.load(folder, device="cpu", threads=1)
    rows = rows_of(split)
    predictions = classifier.predict([row["text"] for row in rows])
    judged = [
        (row, prediction)
        for row, prediction in zip(rows, predictions, strict=True)
        if row["rationale"] and any(row["rationale"])
    ]
    weights = [token_weights(classifier, row, prediction) for row, prediction in judged]
    right = [prediction.label == row["label"] for row, prediction in zip(rows, predictions, strict=True)]
    report = json.loads((folder / "report" / "metrics.json").read_text(encoding="utf-8"))
    macro = report["splits"][split.name.split(".")[0]]["macro_f1"]
    figures = {"accuracy": 100 * statistics.mean(right), "macro-F1": 100 * macro}
    return figures | plausible(weights, marks_of(rows), share)


def by_chance(split: Path, share: float, seed: int) -> dict[str, float]:
    """Return the figures of random weights."""
    marked = marks_of(rows_of(split))
    generator = np.random.default_rng(seed)
    return plausible([generator.random(len(one)) for one in marked], marked, share)


def shown(name: str, results: Sequence[dict[str, float]]) -> str:
    """Return a table row: mean of each figure over seeds, and its range."""
    cells = []
    for figure in FIGURES:
        values = [result[figure] for result in results if figure in result]
        cells.append(mean_and_range(values) if values else "")
    return f"| {name} | {' | '.join(cells)} |"


def main(
    folder: Path,
    split: str = "valid",
    seed: Annotated[list[int] | None, typer.Option()] = None,
    way: Annotated[list[str] | None, typer.Option()] = None,
    preset: str = "plain",
    assignments: Annotated[list[str] | None, typer.Option("--set")] = None,
) -> None:
    """Train each way with each seed and print the table, a row as soon as it is done."""
    torch.set_num_threads(1)
    files = {name: split_of(folder, name) for name in ("train", "valid", "test")}
    learned, valid, judged = files["train"], files["valid"], files[split]
    if learned is None or valid is None or judged is None:
        raise typer.BadParameter(f"{folder} lacks train, valid or {split}")
    seeds = seed or [0]
    share = mean_share(marks_of(rows_of(learned)))
    print(
        f"Preset {preset}, {' '.join(assignments or [])}; seeds {seeds}; {split} rows; {share:.3f} of tokens chosen\n"
    )
    print(f"| attention | {' | '.join(FIGURES)} |\n| --- |{' --: |' * len(FIGURES)}")
    print(shown("random", [by_chance(judged, share, one) for one in seeds]), flush=True)
    for name in way or WAYS:
        results = []
        for one in seeds:
            own = {"training": {"seed": one}}
            layers = [parse_assignment(assignment) for assignment in assignments or []]
            config = Config.from_dict(merged(settings(preset, *layers), own, WAYS[name]))
            with tempfile.TemporaryDirectory() as work:
                out = Path(work) / "model"
                test = str(judged) if split == "test" else None
                train(
                    str(learned), out, sources=Sources(valid=str(valid), test=test), config=config, baseline=False,
                    say=lambda line: None,
                )  # fmt: skip
                results.append(scored(out, judged, share))
        print(shown(name, results), flush=True)


if __name__ == "__main__":
    typer.run(main)
