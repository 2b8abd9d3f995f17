"""`attnclf predict`: label a pipe, a file or many files, one line out for each line in."""

import sys
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from attnclf_cli import options

UNWRITTEN = (".gz", ".parquet")  # endings of files that are read and not written


class PredictionFormat(StrEnum):
    """The output format; auto follows the extension of `--out`, else a table on a terminal and tsv elsewhere."""

    auto = "auto"
    table = "table"
    tsv = "tsv"
    csv = "csv"
    jsonl = "jsonl"
    fasttext = "fasttext"


class Engine(StrEnum):
    """What runs the model."""

    local = "local"
    ray = "ray"


def predict(
    model: options.ModelFolder,
    source: Annotated[
        str,
        typer.Argument(
            metavar="[FILE|-]",
            help="Texts; - is stdin, one text a line. With --engine ray also a folder, a pattern or a URL.",
        ),
    ] = "-",
    top_k: Annotated[int, typer.Option("--top-k", "-k", min=1, help="Show the N best labels.")] = 1,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            callback=options.number,
            help="Minimum probability of a label (multi-label models).",
            show_default=False,
        ),
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            callback=options.number,
            help="Print ? for a label with a lower probability.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[PredictionFormat, typer.Option("--format", "-f")] = PredictionFormat.auto,
    attention: Annotated[bool, typer.Option("--attention", help="Add tokens and their weights (jsonl only).")] = False,
    text_column: options.TextColumns = None,
    input_format: options.DataFormat = None,
    device: options.Device = options.DeviceName.auto,
    precision: options.Precision = options.PrecisionName.fp32,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Maximum batch size.", show_default=False)] = None,
    engine: Annotated[
        Engine, typer.Option("--engine", help="ray labels many files on many cores or machines, into the folder --out.")
    ] = Engine.local,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of workers with --engine ray.", show_default=False)
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", help="Write to this file instead of stdout.", show_default=False)
    ] = None,
) -> None:
    """Label texts: one line out for each line in, in order and without delay."""
    from attnclf.bundle import open_bundle
    from attnclf.data.inputs import open_input, texts
    from attnclf.data.read_options import ReadOptions
    from attnclf.data.streams import Damage
    from attnclf.errors import ConfigError
    from attnclf.runtime.classifier import Classifier
    from attnclf.runtime.streaming import stream_predictions
    from attnclf_cli.formats import LINES, if_sure, jsonl_with_attention
    from attnclf_cli.output import note_of_truncation, opened, warn_of_damage

    name = _by_name(out, attention) if format is PredictionFormat.auto else format.value
    if attention and name != "jsonl":
        raise ConfigError(f"--attention cannot be shown as {name}", fix="pass --format jsonl")
    line = partial(jsonl_with_attention if attention else LINES[name], top=top_k)
    if threshold is not None and top_k > 1:
        raise ConfigError("--top-k shows the best labels, however probable", fix="leave out --top-k or --threshold")
    if min_confidence is not None:
        bundle = open_bundle(model)
        if bundle.multi_label:
            remedy = "leave it out" if bundle.architecture == "label-decoder" else "pass --threshold for several"
            raise ConfigError("--min-confidence is for one label per text", fix=remedy)
        if top_k > 1:
            raise ConfigError("--min-confidence is about the one best label", fix="leave out --top-k")
        line = partial(if_sure, line=line, least=min_confidence)
    reading = ReadOptions(format=input_format, text_columns=text_column)
    if engine is Engine.ray:
        from attnclf_cli.engine import predict_on_ray

        predict_on_ray(
            model,
            source,
            out,
            workers=workers,
            line=line,
            format=name,
            top_k=top_k,
            attention=attention,
            threshold=threshold,
            min_confidence=min_confidence,
            options=reading,
            device=device.value,
            precision=precision.value,
            batch_size=batch_size,
        )
        return
    if workers is not None:
        raise ConfigError("--workers is for --engine ray", fix="add --engine ray, or leave --workers out")
    classifier = Classifier.load(model, device=device.value, precision=precision.value, batch_size=batch_size)
    damage = Damage()
    reading = replace(reading, feature_columns=classifier.bundle.columns)
    with open_input(source, reading) as read, opened(out, model=model) as output:
        lines = texts(read, reading, damage=damage, say=partial(typer.echo, err=True))
        answered = stream_predictions(classifier, lines, output, line=line, threshold=threshold)
    warn_of_damage(damage)
    note_of_truncation(answered, classifier.tokenizer.max_length)


def _by_name(out: str | None, attention: bool) -> str:
    """Return the format of the output; a file gets the format of its extension."""
    from attnclf.data.formats import by_name
    from attnclf.errors import ConfigError

    if out in (None, "-"):
        return "jsonl" if attention else "table" if sys.stdout.isatty() else "tsv"
    ending = Path(out).suffix.lower()
    if ending in UNWRITTEN:
        raise ConfigError(
            f"predict writes no {ending}", fix="name a file that ends in .jsonl, .csv or .tsv, or pass --format"
        )
    kind = by_name(f"out{ending}") or "lines"
    if kind == "lines":
        return "jsonl" if attention else "tsv"
    return "jsonl" if kind == "json" else kind
