"""`attnclf evaluate`: a model against labelled rows."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnclf_cli import options

if TYPE_CHECKING:
    from attnclf.data.corpus import Corpus
    from attnclf.explain.types.evaluation import Evaluation
    from attnclf.runtime.classifier import Classifier


class ReportFormat(StrEnum):
    """How figures are printed."""

    table = "table"
    json = "json"


def evaluate(
    data: Annotated[str, typer.Argument(metavar="DATA", help="Labelled rows, as for train.", show_default=False)],
    model: options.ModelFolder,
    format: Annotated[ReportFormat, typer.Option("--format", "-f")] = ReportFormat.table,
    explanations: Annotated[
        bool, typer.Option("--explanations", help="Also score the methods of explain on some of the rows.")
    ] = False,
    explain_rows: Annotated[
        int | None, typer.Option(min=1, help="Number of rows for --explanations: 100.", show_default=False)
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help="A method for --explanations; by default all cheap ones.", show_default=False),
    ] = None,
    rationale_column: Annotated[
        str | None,
        typer.Option(help="Column with what people marked, for --explanations.", show_default=False),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE.svg", help="Draw the deletion curves of --explanations.", show_default=False),
    ] = None,
    controls: Annotated[
        bool,
        typer.Option(
            "--controls",
            help="With --explanations and --train: train again with attention that learns nothing, twice, and compare.",
        ),
    ] = False,
    train: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The rows that the model learned from, for --controls.", show_default=False),
    ] = None,
    valid: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Its validation rows, for --controls, where train got some.", show_default=False
        ),
    ] = None,
    text_column: options.TextColumns = None,
    label_column: options.LabelColumn = None,
    label_separator: options.LabelSeparator = None,
    input_format: options.DataFormat = None,
    on_bad_row: options.OnBadRow = options.BadRows.error,
    device: options.Device = options.DeviceName.auto,
    precision: options.Precision = options.PrecisionName.fp32,
) -> None:
    """Score a model on labelled rows: accuracy, F1 for each label, confusions, calibration; and its explanations."""
    import json
    from dataclasses import replace

    from rich.console import Console

    from attnclf.data.checks import refuse_foreign
    from attnclf.data.read_options import ReadOptions
    from attnclf.evaluation.report import Report
    from attnclf.runtime.classifier import Classifier
    from attnclf.runtime.evaluate import evaluate as run
    from attnclf_cli.labelled import rows_for

    further = {
        "--explain-rows": explain_rows,
        "--method": method,
        "--rationale-column": rationale_column,
        "--plot": plot,
        "--controls": controls,
    }
    for option, value in further.items():
        if value and not explanations:
            raise typer.BadParameter("this needs --explanations", param_hint=f"'{option}'")
    for option, file in {"--train": train, "--valid": valid}.items():
        if file and not controls:
            raise typer.BadParameter("this needs --controls", param_hint=f"'{option}'")
        if file == "-":
            raise typer.BadParameter("this is read more than once: pass a file", param_hint=f"'{option}'")
    if plot is not None and plot.suffix.lower() != ".svg":
        raise typer.BadParameter("the picture is an svg: pass a name that ends in .svg", param_hint="'--plot'")
    classifier = Classifier.load(model, device=device.value, precision=precision.value)
    methods: list[str] = []
    if explanations:
        from attnclf.errors import ConfigError
        from attnclf.explain.evaluate import chosen
        from attnclf_cli.output import note_of_slopes

        if controls and train is None:
            raise ConfigError(
                "a model folder does not keep the rows that it was trained on",
                fix="pass them to --controls: --train FILE, and --valid FILE where training had one",
            )
        methods = chosen(classifier, method or [])
        note_of_slopes(methods, precision.value)
    reading = ReadOptions(
        format=input_format,
        text_columns=text_column,
        label_column=label_column,
        label_separator=label_separator,
        on_bad_row=on_bad_row.value,
    )
    marked = replace(reading, rationale_column=rationale_column, rationales=explanations)
    rows = rows_for(classifier.bundle, data, marked)
    if classifier.multi_label or not rows.multi_label:
        refuse_foreign(rows, classifier.labels, "this model")
    origin = None
    if train is not None:  # what stands in the way of the controls is found before hours of scoring
        from attnclf.training.controls import origin_of, retrained

        origin = origin_of(classifier, train, valid=valid, options=reading)
    metrics = run(classifier, rows)
    found = _explained(classifier, rows, methods, explain_rows, plot) if explanations else None
    beside = None
    if origin is not None:
        from attnclf_cli.progress import display

        with display(Console(stderr=True, highlight=False)) as (say, watch):
            beside = retrained(classifier, rows, origin, device=device.value, say=say, watch=watch)
    if format is ReportFormat.json:
        record = metrics.to_dict() | ({"explanations": found.to_dict()} if found else {})
        record |= {"controls": beside.to_dict()} if beside else {}
        typer.echo(json.dumps(record, ensure_ascii=False))
    else:
        console = Console(highlight=False)
        console.print(Report(title=f"{model} on {data}", splits={"rows": metrics}))
        if found:
            console.print(found)
        if beside:
            console.print(beside)


def _explained(
    classifier: "Classifier", rows: "Corpus", methods: Sequence[str], most: int | None, plot: Path | None
) -> "Evaluation":
    """Score the methods on some of the rows, say which, and draw the curves where that is asked."""
    import contextlib

    from rich.console import Console

    from attnclf.evaluation.intervals import SEED
    from attnclf.explain.evaluate import ROWS, evaluate, sampled
    from attnclf.explain.render.svg import evaluation
    from attnclf_cli.output import opened
    from attnclf_cli.progress import counted

    sample = sampled(rows, most or ROWS)
    drawn = f" drawn at random (seed {SEED})" if len(sample) < len(rows) else ""
    typer.echo(f"Explanations: {len(sample):,} of {len(rows):,} rows{drawn}; {', '.join(methods)}", err=True)
    with opened(plot, option="--plot", model=classifier.bundle.folder) if plot else contextlib.nullcontext() as picture:
        with counted(Console(stderr=True, highlight=False), "Explanations") as watch:
            found = evaluate(classifier, list(sample.texts), methods, rationales=sample.rationales, watch=watch)
        if picture:
            picture.write(evaluation.render(found))
    return found
