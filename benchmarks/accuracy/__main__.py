"""Train on public datasets, choose on validation rows, score test rows once, and write how attnclf and others compare.

    python -m benchmarks.accuracy --data FOLDER [--only trec] [--contender "attnclf balanced"] [--seed 0 --seed 1]

FOLDER has a folder for each dataset with train, test and perhaps valid as .jsonl or .jsonl.gz. Every contender gets the
same files; without a file of validation rows, a tenth of the training rows becomes validation rows. Finished
runs stay in --work and are not repeated, so the command may be stopped and started again.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.accuracy import scores
from benchmarks.accuracy.contender import Contender
from benchmarks.accuracy.datasets import NAMES, Dataset
from benchmarks.accuracy.report import report
from benchmarks.results import publish

MODULES = ("ours", "linear", "fasttext_model", "naive")


def contenders() -> list[Contender]:
    """Return all of them; what they need is imported when they run."""
    modules = [importlib.import_module(f"benchmarks.accuracy.contenders.{name}") for name in MODULES]
    return [one for module in modules for one in module.CONTENDERS]


def kept(contender: Contender, dataset: Dataset, seed: int, work: Path) -> Path:
    """Return where the result of a run is kept."""
    return work / "results" / f"{dataset.name}-{contender.name.replace(' ', '-')}-{seed}.json"


def finished(contender: Contender, dataset: Dataset, seed: int, work: Path) -> dict[str, Any]:
    """Return the result of a run, done now unless it was done before."""
    result = kept(contender, dataset, seed, work)
    if not result.is_file():
        print(f"{dataset.name}: {contender.name}, seed {seed}", file=sys.stderr, flush=True)
        fitted = contender.fit(dataset, seed, work)
        tests = {}
        for split in dataset.tests:
            rows = dataset.rows(split)
            predicted = fitted.predict(rows.texts)
            tests[split] = {
                "rows": len(rows.texts),
                "accuracy": scores.accuracy(rows.targets, predicted),
                "macro_f1": scores.macro_f1(rows.targets, predicted),
                "ece": fitted.ece(rows) if fitted.ece else None,
            }
        described = {
            "dataset": dataset.name,
            "contender": contender.name,
            "seed": seed,
            "multi_label": dataset.multi_label,
            "valid": fitted.valid,
            "tests": tests,
            "seconds": fitted.seconds,
            "megabytes": fitted.megabytes,
            "chosen": fitted.chosen,
        }
        result.parent.mkdir(parents=True, exist_ok=True)
        result.write_text(json.dumps(described, indent=1), encoding="utf-8")
    return dict(json.loads(result.read_text(encoding="utf-8")))


def main(
    data: Annotated[Path, typer.Option(envvar="ATTNCLF_DATA", help="A folder with a folder for each dataset.")] = Path(
        "../shared/data"
    ),
    only: Annotated[list[str] | None, typer.Option(help="This dataset; may be given several times.")] = None,
    contender: Annotated[list[str] | None, typer.Option(help="This contender; may be given several times.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Of attnclf and the naive network: 0, 1 and 2.")] = None,
    work: Annotated[Path, typer.Option(help="Keeps models and results.")] = Path("benchmarks/work/accuracy"),
    out: Annotated[Path | None, typer.Option(help="The page whose section is replaced.")] = None,
    run: Annotated[bool, typer.Option(help="With --no-run, only tell what is finished.")] = True,
) -> None:
    """Do the runs that are missing, and print the tables."""
    known = contenders()
    unknown = {*(contender or ())} - {one.name for one in known}
    if unknown:
        print(f"no contender {', '.join(unknown)}; there are: {', '.join(one.name for one in known)}", file=sys.stderr)
        raise typer.Exit(1)
    found = [Dataset(data / name) for name in only or NAMES]
    missing = [dataset.name for dataset in found if not dataset.tests]
    if missing:
        print(
            f"{data} has no test rows of {', '.join(missing)}; pass --data FOLDER, or set ATTNCLF_DATA", file=sys.stderr
        )
        raise typer.Exit(1)
    results = [
        finished(one, dataset, number, work)
        for dataset in found
        for one in known
        if not contender or one.name in contender
        for number in (seed or [0, 1, 2] if one.seeded else [0])
        if run or kept(one, dataset, number, work).is_file()
    ]
    body = report(results)
    publish(body, out, "Accuracy")


if __name__ == "__main__":
    typer.run(main)
