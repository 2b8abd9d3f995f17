"""Compare label-decoder with temporal, which predicts labels independently, on a multi-label dataset.

    python -m benchmarks.decoder FOLDER [--seed 0 --seed 1 --seed 2] [--epochs 8]

FOLDER has train and test as .jsonl or .jsonl.gz, with any number of labels a row; a tenth of the training rows becomes
validation rows. Every network has the widths and the recipe of preset `plain`, so that only the last step differs. The
test rows are scored once. The table goes to stdout. Finished runs in --work are not repeated.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.results import mean_and_range
from benchmarks.splits import split_of

NETWORKS = {
    "temporal": (),
    "temporal, additive score": ("model.attention.score=additive",),
    "label-decoder, bahdanau": ("model.architecture=label-decoder",),
    "label-decoder, luong": (
        "model.architecture=label-decoder",
        "model.decoder.style=luong",
        "model.attention.score=general",
    ),
}


def train(folder: Path, out: Path, settings: tuple[str, ...], seed: int, epochs: int) -> dict[str, Any]:
    """Train one network with one seed, unless that was done already, and return the model's metrics.json."""
    metrics = out / "report" / "metrics.json"
    if not metrics.is_file():
        command = [sys.executable, "-m", "attnclf", "train", str(split_of(folder, "train")), "--out", str(out)]
        options = ["--test", str(split_of(folder, "test")), "--preset", "plain", "--device", "cpu", "--quiet"]
        chosen = [part for setting in settings for part in ("--set", setting)]
        subprocess.run([*command, *options, *chosen, "--seed", str(seed), "--epochs", str(epochs)], check=True)
    return dict(json.loads(metrics.read_text(encoding="utf-8")))


def row(name: str, results: list[dict[str, Any]]) -> str:
    """Return the table row of a network: mean and range over the seeds."""
    cells = []
    for figure in ("micro_f1", "macro_f1", "accuracy"):
        cells.append(mean_and_range([100 * result["splits"]["test"][figure] for result in results]))
    calibration = statistics.mean(result["splits"]["test"]["ece"] for result in results)
    seconds = statistics.mean(result["history"][-1]["seconds"] for result in results)
    return f"| {name} | {' | '.join(cells)} | {calibration:.3f} | {seconds:.0f} |"


def main(
    folder: Path,
    seed: Annotated[list[int] | None, typer.Option()] = None,
    epochs: int = 8,
    work: Path = Path("decoder-runs"),
) -> None:
    """Train, score once on test rows, and print the table."""
    seeds = seed or [0, 1, 2]
    print("| network | micro-F1 | macro-F1 | exact | ECE | training, s |\n| --- | --: | --: | --: | --: | --: |")
    for name, settings in NETWORKS.items():
        slug = name.replace(", ", "-").replace(" ", "-")
        results = [train(folder, work / f"{slug}-{one}", settings, one, epochs) for one in seeds]
        print(row(name, results), flush=True)


if __name__ == "__main__":
    typer.run(main)
