"""Train on public datasets and write how attnclf compares with its own linear baseline, on the same rows.

    python benchmarks/accuracy.py FOLDER [--only trec --only sst2] [--seed 0 --seed 1] [--preset balanced]

FOLDER has a folder for each dataset with train, test and perhaps valid as .jsonl or .jsonl.gz. A dataset without
`valid` gives a tenth of its training rows for it; everything is chosen on validation rows, and the test rows are scored
once. The table goes to stdout and, with --out, to the section Accuracy of that page; finished runs in --work are not
repeated.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from results import machine, put, section

DATASETS = ("trec", "sst2", "banking77", "thucnews_45k", "chnsenticorp", "romip2012_news", "cedr")


def split_of(folder: Path, name: str) -> Path | None:
    """Return the file of a split, if there is one."""
    return next((path for path in (folder / f"{name}.jsonl", folder / f"{name}.jsonl.gz") if path.is_file()), None)


def train(folder: Path, out: Path, seed: int, preset: str) -> dict[str, Any]:
    """Train on one dataset with one seed, unless that was done already, and return the model's metrics.json."""
    metrics = out / "report" / "metrics.json"
    if not metrics.is_file():
        files = {name: split_of(folder, name) for name in ("valid", "test")}
        options = [part for name, path in files.items() if path is not None for part in (f"--{name}", str(path))]
        command = [sys.executable, "-m", "attnclf", "train", str(split_of(folder, "train")), "--out", str(out)]
        subprocess.run([*command, *options, "--seed", str(seed), "--preset", preset], check=True)
    return dict(json.loads(metrics.read_text(encoding="utf-8")))


def row(name: str, results: list[dict[str, Any]]) -> str:
    """Return the table row of a dataset: mean and spread of the score over seeds, the baseline, the difference."""
    tests = [result["splits"]["test"] for result in results]
    kind = "micro_f1" if tests[0]["confusion"] is None else "accuracy"
    ours = [100 * test[kind] for test in tests]
    theirs = statistics.mean(100 * result["baseline"]["splits"]["test"][kind] for result in results)
    spread = f" ({min(ours):.1f} to {max(ours):.1f})" if len(ours) > 1 else ""
    seconds = statistics.mean(result["history"][-1]["seconds"] for result in results)
    macro = statistics.mean(100 * test["macro_f1"] for test in tests)
    macro_theirs = statistics.mean(100 * result["baseline"]["splits"]["test"]["macro_f1"] for result in results)
    mean = statistics.mean(ours)
    return (
        f"| {name} | {tests[0]['rows']:,} | {kind.replace('_f1', '-F1')} | {mean:.1f}{spread} | {theirs:.1f} | "
        f"{mean - theirs:+.1f} | {macro:.1f} | {macro_theirs:.1f} | {seconds:.0f} |"
    )


def main(
    folder: Path,
    only: Annotated[list[str] | None, typer.Option()] = None,
    seed: Annotated[list[int] | None, typer.Option()] = None,
    preset: str = "balanced",
    work: Path = Path("accuracy-runs"),
    out: Path | None = None,
) -> None:
    """Train, score once on test rows, and print the table."""
    lines = [
        "| dataset | test rows | score | attnclf | linear | difference | macro-F1 | linear | training, s |",
        "| --- | --: | --- | --: | --: | --: | --: | --: | --: |",
    ]
    for name in only or DATASETS:
        results = [train(folder / name, work / f"{name}-{preset}-{one}", one, preset) for one in seed or [0]]
        lines.append(row(name, results))
        print(lines[-1], flush=True)
    said = f"Preset {preset}, seeds {', '.join(map(str, seed or [0]))}. "
    linear = "Linear: TF-IDF of words and characters + logistic regression."
    body = section(machine("torch", "scikit-learn"), said + linear, "\n".join(lines))
    print(f"\n{body}\n")
    if out is not None:
        put(out, "Accuracy", body)


if __name__ == "__main__":
    typer.run(main)
