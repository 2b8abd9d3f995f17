"""Faithfulness, agreement with people and time of every method of `attnclf explain`, on public datasets.

    python -m benchmarks.explanations FOLDER [--only sst2] [--seed 0 --seed 1 --seed 2] [--rows 200] [--split test]
        [--models MODELS] [--work explanations] [--out benchmarks/RESULTS.md]

FOLDER has a folder for each dataset with train, test and perhaps valid as .jsonl or .jsonl.gz. A model that is not in
MODELS as NAME-PRESET-SEED is trained there; benchmarks.accuracy writes them there too. `rows` texts of the split are
drawn at random, the same ones for each seed. kernel-shap is skipped if texts have more than 100 tokens on average.
Finished datasets and seeds in --work are not repeated.

Figures are those of `attnclf evaluate --explanations`, words deleted. Milliseconds are for a text, its prediction
included: `ms alone` is processor time of one text by itself, median of 30; `ms` is for all texts together, on one core.
`auto` is compared with integrated gradients text by text. Choices are made on validation rows: `--split valid`.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from attnclf_cli.progress import counted
from rich.console import Console

from attnclf.config.presets import DEFAULT
from attnclf.data import corpus
from attnclf.data.read_options import ReadOptions
from attnclf.evaluation.intervals import bootstrapped
from attnclf.explain import choice
from attnclf.explain.api import explain
from attnclf.explain.evaluate import evaluate, sampled
from attnclf.explain.methods import working
from attnclf.runtime.classifier import Classifier
from benchmarks.results import machine, put, section, table
from benchmarks.splits import split_of

DATASETS = ("sst2", "hatexplain", "movie_rationales", "imdb")
REFERENCE = "integrated-gradients"
LONG = 100  # tokens of a text on average
ALONE = 30  # texts that are timed

COLUMNS = ("method", "ms alone", "ms", "comprehensiveness", "sufficiency", "tau", "AUPRC", "token F1", "IOU F1")

Run = dict[str, Any]


def trained(folder: Path, out: Path, preset: str, seed: int) -> Path:
    """Return the folder of a model, trained now unless it is there."""
    if not (out / "attnclf.json").is_file():
        valid = split_of(folder, "valid")
        command = [sys.executable, "-m", "attnclf", "train", str(split_of(folder, "train")), "--out", str(out)]
        command += ["--valid", str(valid)] if valid else []
        subprocess.run([*command, "--preset", preset, "--seed", str(seed), "--no-baseline"], check=True)
    return out


def scored(name: str, model: Path, data: Path, rows: int) -> Run:
    """Return the figures of all methods of a model on some rows of a file."""
    classifier = Classifier.load(model, device="cpu", threads=1)
    sample = sampled(corpus.read(str(data), ReadOptions(rationales=True)), rows)
    texts = list(sample.texts)
    units = statistics.mean(map(len, classifier.tokenizer.encode(texts)))
    names = working(classifier.bundle, classifier.backend.axes)
    methods = [method for method in names if method != "kernel-shap" or units <= LONG]
    with counted(Console(stderr=True, highlight=False), name) as watch:
        found = evaluate(classifier, texts, methods, rationales=sample.rationales, watch=watch)
    best = choice.best(classifier.bundle)
    ahead = bootstrapped(found.methods[best].each - found.methods[REFERENCE].each)
    return {
        "units": units,
        "auto": best,
        "ahead": ahead,
        "alone": alone(classifier, texts[:ALONE], methods),
        **found.to_dict(),
    }


def alone(classifier: Classifier, texts: Sequence[str], methods: Sequence[str]) -> dict[str, float]:
    """Return the milliseconds of processor time that each method takes for one text; they take turns on each text."""
    taken: dict[str, list[float]] = {method: [] for method in methods}
    for method in methods:
        explain(classifier, texts[:1], method=method, faithfulness=False)
    for text in texts:
        for method in methods:
            start = time.process_time()
            explain(classifier, [text], method=method, faithfulness=False)
            taken[method].append(1000 * (time.process_time() - start))
    return {method: statistics.median(times) for method, times in taken.items()}


def shown(runs: Sequence[Run], rows: int, split: str) -> list[str]:
    """Return the text about a dataset, and its table: means over seeds, of the ends of intervals too."""
    first = runs[0]
    marked = f", {first['marked']} with a mark" if first["marked"] else ""
    alone, together = (
        ", ".join(f"{taken(run, run['auto']) / taken(run, REFERENCE):.2f}" for run in runs)
        for taken in (_alone, _together)
    )
    about = (
        f"{first['texts']} {split} texts of {first['units']:.0f} tokens on average{marked}. By seed, auto took "
        f"{', '.join(run['auto'] for run in runs)}. It took {alone} of the time of {REFERENCE} for a text by itself, "
        f"and {together} for many at a time. Its comprehensiveness less that of {REFERENCE}, text by text: "
        f"{', '.join(_interval([run['ahead']], 3) for run in runs)}."
    )
    lines = []
    for method in first["methods"]:
        worth = [run["methods"][method] for run in runs]
        marks = [one["plausibility"] for one in worth]
        lines.append(
            [
                method,
                *(f"{statistics.mean(taken(run, method) for run in runs):.1f}" for taken in (_alone, _together)),
                _interval([list(one["comprehensiveness"]["delete"].values()) for one in worth]),
                _interval([list(one["sufficiency"]["delete"].values()) for one in worth]),
                _interval([list(one["tau"].values()) for one in worth]) if all(one["tau"] for one in worth) else "",
                *(
                    [
                        *(_interval([list(one[figure].values()) for one in marks]) for figure in ("auprc", "token_f1")),
                        f"{statistics.mean(one['iou_f1'] for one in marks):.2f}",
                    ]
                    if all(marks)
                    else ["", "", ""]
                ),
            ]
        )
    return [about, table(COLUMNS, lines)]


def _alone(run: Run, method: str) -> float:
    return float(run["alone"][method])


def _together(run: Run, method: str) -> float:
    return float(run["methods"][method]["milliseconds"])


def _interval(means: Sequence[Sequence[float]], digits: int = 2) -> str:
    middle, low, high = np.mean(means, axis=0) + 0.0
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def main(
    data: Path,
    only: Annotated[list[str] | None, typer.Option()] = None,
    seed: Annotated[list[int] | None, typer.Option()] = None,
    preset: str = DEFAULT,
    rows: int = 200,
    split: str = "test",
    models: Path = Path("explanations/models"),
    work: Path = Path("explanations"),
    out: Path | None = None,
) -> None:
    """Train what is missing, score it, and print a table for each dataset."""
    torch.set_num_threads(1)
    work.mkdir(parents=True, exist_ok=True)
    seeds, blocks = seed or [0, 1, 2], []
    for name in only or DATASETS:
        judged = split_of(data / name, split)
        if judged is None:
            typer.echo(f"{name} is left out: {data / name} has no {split}", err=True)
            continue
        runs = []
        for one in seeds:
            known = f"{name}-{preset}-{one}"
            kept = work / f"{known}-{split}-{rows}.json"
            if not kept.is_file():
                run = scored(known, trained(data / name, models / known, preset, one), judged, rows)
                kept.write_text(json.dumps(run), encoding="utf-8")
            runs.append(_read(kept))
        blocks += [f"**{name}**", *shown(runs, rows, split)]
        print(section(*blocks[-3:]), "\n", flush=True)
    about = (
        f"Preset {preset}, seeds {', '.join(map(str, seeds))}. Means over seeds; in brackets those of the ends of the "
        "95 % intervals over texts. Milliseconds a text, on one core: by itself, and of all texts together."
    )
    if out is not None:
        put(out, "Explanations", section(machine("torch", "onnxruntime-gpu"), about, *blocks))


def _read(path: Path) -> Mapping[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    typer.run(main)
