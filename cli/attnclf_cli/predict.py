"""`attnclf predict`: label a pipe or a file, one line out for each line in."""

import sys
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from attnclf_cli import options


class PredictionFormat(StrEnum):
    """How predictions are printed; auto is a table on a terminal and tsv elsewhere."""

    auto = "auto"
    table = "table"
    tsv = "tsv"
    csv = "csv"
    jsonl = "jsonl"
    fasttext = "fasttext"


def predict(
    model: options.ModelFolder,
    source: Annotated[str, typer.Argument(metavar="[FILE|-]", help="Texts; - is stdin, one text a line.")] = "-",
    top_k: Annotated[int, typer.Option("--top-k", "-k", min=1, help="Show so many labels, the best first.")] = 1,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Least probability of a label (several labels).", show_default=False),
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Print ? for a label that is less probable.", show_default=False),
    ] = None,
    format: Annotated[PredictionFormat, typer.Option("--format", "-f")] = PredictionFormat.auto,
    attention: Annotated[bool, typer.Option("--attention", help="Add units and their weights (jsonl only).")] = False,
    text_column: options.TextColumns = None,
    input_format: options.DataFormat = None,
    device: options.Device = options.DeviceName.auto,
    precision: options.Precision = options.PrecisionName.fp32,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="At most so many texts through the network together.", show_default=False)
    ] = None,
    out: options.Out = None,
) -> None:
    """Label texts: one line out for each line in, in order, at once when lines trickle in."""
    from attnclf.data.inputs import Damage, open_input, texts
    from attnclf.errors import ConfigError
    from attnclf.runtime.classifier import Classifier
    from attnclf.runtime.stream import Windows, overlapped
    from attnclf_cli.formats import LINES, if_sure, jsonl_with_attention
    from attnclf_cli.output import opened, warn_of_damage

    name = format.value
    if name == "auto":
        name = "jsonl" if attention else "table" if out is None and sys.stdout.isatty() else "tsv"
    if attention and name != "jsonl":
        raise ConfigError(f"--attention cannot be shown as {name}", fix="pass --format jsonl")
    line = jsonl_with_attention if attention else LINES[name]
    classifier = Classifier.load(model, device=device.value, precision=precision.value, batch_size=batch_size)
    if min_confidence is not None:
        if classifier.multi_label:
            raise ConfigError("--min-confidence is for one label per text", fix="pass --threshold for several")
        if top_k > 1:
            raise ConfigError("--min-confidence is about the one best label", fix="leave out --top-k")
        line = if_sure(line, min_confidence)
    damage = Damage()
    read = cut = 0
    with open_input(source, format=input_format) as (stream, kind), opened(out) as output:
        lines = texts(
            stream,
            format=kind,
            text_columns=text_column,
            feature_columns=classifier.bundle.columns,
            damage=damage,
        )
        windows = Windows(lines)
        for window, predictions in overlapped(windows, partial(classifier.start, threshold=threshold)):
            output.write(
                "".join(
                    line(classifier, text, prediction, top_k) + "\n"
                    for text, prediction in zip(window, predictions, strict=True)
                )
            )
            output.flush()
            read += len(predictions)
            cut += sum(prediction.truncated for prediction in predictions)
    warn_of_damage(damage)
    if cut:
        longest = classifier.tokenizer.max_length
        typer.echo(f"Note: {cut:,} of {read:,} texts were read up to their first {longest:,} units only", err=True)
