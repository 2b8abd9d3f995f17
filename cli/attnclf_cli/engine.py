"""`attnclf predict --engine ray`: many files into a folder, with progress."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from attnclf.atomic import refuse_lost
from attnclf.bundle import Precision, open_bundle
from attnclf.errors import ConfigError, DataError

if TYPE_CHECKING:
    from attnclf.data.read_options import ReadOptions
    from attnclf.engines.worker import Outcome
    from attnclf.runtime.backend import Device
    from attnclf.runtime.streaming import FormatLine

SUFFIXES = {"tsv": ".tsv", "csv": ".csv", "jsonl": ".jsonl", "fasttext": ".txt"}
EVERY = 10.0  # seconds between two lines of progress
NAMED = 5  # files that could not be read


def predict_on_ray(
    model: Path,
    source: str,
    out: str | None,
    *,
    workers: int | None,
    line: "FormatLine",
    format: str,
    top_k: int,
    attention: bool,
    threshold: float | None,
    min_confidence: float | None,
    options: "ReadOptions",
    device: "Device",
    precision: Precision,
    batch_size: int | None,
) -> None:
    """Predict what is not finished yet. Raises DataError at the end where files could not be read."""
    from attnclf.data.streams import Damage
    from attnclf.engines.plan import plan
    from attnclf.engines.ray import predict_files, refuse_without_ray
    from attnclf.engines.worker import Job
    from attnclf.runtime.streaming import StreamCounts
    from attnclf_cli.output import note_of_truncation, warn_of_damage

    if out in (None, "-"):
        raise ConfigError("--engine ray writes files, not to a pipe", fix="pass a folder as --out")
    if source == "-":
        raise ConfigError("--engine ray reads files, not stdin", fix="name a file, a folder, a pattern or a URL")
    if format not in SUFFIXES:
        raise ConfigError(f"--engine ray writes no {format}", fix=f"use one of: {', '.join(SUFFIXES)}")
    refuse_lost(out, option="--out")
    refuse_without_ray()
    bundle = open_bundle(model)
    bundle.network(precision)
    settings = {
        "model": bundle.version,
        "format": format,
        "top-k": top_k,
        "attention": attention,
        "threshold": threshold,
        "min-confidence": min_confidence,
        "text-column": options.text_columns,
        "input-format": options.format,
        "precision": precision,
    }
    todo = plan(source, str(out), settings=settings, suffix=SUFFIXES[format], any_extension=options.format is not None)
    finished = len(todo.files) - len(todo.unfinished)
    if finished:
        typer.echo(f"{finished:,} of {len(todo.files):,} files are finished already", err=True)
    if not todo.unfinished:
        return
    job = Job(
        model=str(model.resolve()),
        sources=todo.sources,
        targets=todo.targets,
        line=line,
        threshold=threshold,
        options=options,
        device=device,
        precision=precision,
        batch_size=batch_size,
    )
    outcomes = told(predict_files(todo.unfinished, job, workers=workers), finished, len(todo.files))
    answered = StreamCounts(sum(one.texts for one in outcomes), sum(one.truncated for one in outcomes))
    warn_of_damage(Damage(sum(one.damaged for one in outcomes)))
    note_of_truncation(answered, bundle.manifest["text"]["max_length"] if answered.truncated else 0)
    failed = [one for one in outcomes if one.problem]
    if failed:
        more = f"; and {len(failed) - NAMED:,} more files" if len(failed) > NAMED else ""
        raise DataError(
            "; ".join(f"{one.source}: {one.problem}" for one in failed[:NAMED]) + more,
            fix=" or ".join(dict.fromkeys(one.fix for one in failed[:NAMED])) + ", and repeat the command",
        )


def told(outcomes: Iterable["Outcome"], finished: int, files: int) -> list["Outcome"]:
    """Say on stderr now and then how far the run is, and at its end how fast it was."""
    started = shown = time.monotonic()
    known: list[Outcome] = []
    for outcome in outcomes:
        known.append(outcome)
        now = time.monotonic()
        if now - shown > EVERY or finished + len(known) == files:
            shown = now
            texts = sum(one.texts for one in known)
            pace = texts / (now - started)
            typer.echo(f"{finished + len(known):,} of {files:,} files, {texts:,} texts, {pace:,.0f} a second", err=True)
    return known
