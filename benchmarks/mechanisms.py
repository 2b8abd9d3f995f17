"""Train every score, alignment, context and architecture on public datasets, and write what each did.

    python -m benchmarks.mechanisms FOLDER [--only trec --only sst2] [--seed 0 --seed 1] [--out table.md]

FOLDER is that of `benchmarks.accuracy`. One thing changes at a time from the network of the sources (preset `plain`);
where an alignment or a context wants a score with a query, that is `additive`. The score is accuracy on validation
rows, a tenth of the training rows where there is no file of them: test rows choose nothing here. Training
seconds are those of one thread. The share of zero weights, as `predict --attention` prints them, is over the tokens of
the first 500 training texts. Finished runs in --work are not repeated.
"""

import gzip
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from attnclf.catalog import ALIGNMENTS, ARCHITECTURES, CONTEXTS, SCORES
from benchmarks.splits import split_of

ATTNCLF = (sys.executable, "-m", "attnclf")
TEXTS = 500


def choices() -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Yield kind, name and settings of what is tried; networks for several labels only are left out."""
    for name in SCORES:
        yield "score", name, {"attention.score": name}
    for name in ALIGNMENTS:
        if name != "global":
            yield "alignment", name, {"attention.score": "additive", "attention.alignment": name}
    for name, row in CONTEXTS.items():
        hard = {"attention.score": "additive", "attention.alignment": "hard"} if row.one_hot else {}
        if name != "soft":
            yield "context", name, {**hard, "attention.context": name}
    for name, architecture in ARCHITECTURES.items():
        if name != "temporal" and not architecture.sequential:
            yield "architecture", name, {"architecture": name}


def train(folder: Path, out: Path, seed: int, settings: Mapping[str, str]) -> dict[str, float]:
    """Train once, unless that was done, and return accuracy in %, seconds, and the share of zero weights in %."""
    metrics = out / "report" / "metrics.json"
    if not metrics.is_file():
        data, valid = split_of(folder, "train"), split_of(folder, "valid")
        options = [part for name, value in settings.items() for part in ("--set", f"model.{name}={value}")]
        options += ["--valid", str(valid)] if valid is not None else []
        command = [*ATTNCLF, "train", str(data), "--out", str(out), "--preset", "plain", "--no-baseline", "--quiet"]
        subprocess.run([*command, "--seed", str(seed), *options], check=True, stdout=subprocess.DEVNULL)
    report = json.loads(metrics.read_text(encoding="utf-8"))
    return {
        "accuracy": 100 * report["splits"]["valid"]["accuracy"],
        "seconds": report["history"][-1]["seconds"],
        "zeros": 100 * zeros(folder, out),
    }


def zeros(folder: Path, model: Path) -> float:
    """Return the share of weights that are printed as zero, below 0.0000005."""
    path = split_of(folder, "train")
    assert path is not None
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        texts = "".join(line for line, _ in zip(lines, range(TEXTS), strict=False))
    command = [*ATTNCLF, "predict", "--model", str(model), "--attention", "--input-format", "jsonl"]
    done = subprocess.run(command, input=texts, capture_output=True, text=True, check=True)
    weights = [weight for line in done.stdout.splitlines() for weight in json.loads(line)["weights"]]
    return sum(weight == 0 for weight in weights) / len(weights)


def main(
    folder: Path,
    only: Annotated[list[str] | None, typer.Option()] = None,
    seed: Annotated[list[int] | None, typer.Option()] = None,
    work: Path = Path("mechanism-runs"),
    out: Path | None = None,
) -> None:
    """Train, and print a table row for each mechanism as it is done."""
    datasets, seeds = only or ["trec", "sst2"], seed or [0]
    titles = "".join(f" {name}, % | training, s | zero weights, % |" for name in datasets)
    lines = [
        f"Preset plain, seeds {', '.join(map(str, seeds))}, validation rows, {os.cpu_count()} cores of "
        f"{platform.machine()}.",
        "",
        f"| | |{titles}",
        f"| --- | --- |{' --: | --: | --: |' * len(datasets)}",
    ]
    for kind, name, settings in choices():
        cells = ""
        for dataset in datasets:
            runs = [train(folder / dataset, work / f"{dataset}-{kind}-{name}-{one}", one, settings) for one in seeds]
            mean = {key: statistics.mean(run[key] for run in runs) for key in runs[0]}
            cells += f" {mean['accuracy']:.1f} | {mean['seconds']:.0f} | {mean['zeros']:.0f} |"
        lines.append(f"| {kind} | `{name}` |{cells}")
        print(lines[-1], flush=True)
    if out is not None:
        out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
