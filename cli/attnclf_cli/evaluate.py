"""`attnclf evaluate`: a model against labelled rows."""

from enum import StrEnum
from typing import Annotated

import typer

from attnclf_cli import options


class ReportFormat(StrEnum):
    """How figures are printed."""

    table = "table"
    json = "json"


def evaluate(
    data: Annotated[str, typer.Argument(metavar="DATA", help="Labelled rows, as for train.", show_default=False)],
    model: options.ModelFolder,
    format: Annotated[ReportFormat, typer.Option("--format", "-f")] = ReportFormat.table,
    text_column: options.TextColumns = None,
    label_column: options.LabelColumn = None,
    label_separator: options.LabelSeparator = None,
    input_format: options.DataFormat = None,
    on_bad_row: options.OnBadRow = options.BadRows.error,
    device: options.Device = options.DeviceName.auto,
    precision: options.Precision = options.PrecisionName.fp32,
) -> None:
    """Score a model on labelled rows: accuracy, F1 for each label, confusions, calibration."""
    import json

    from rich.console import Console

    from attnclf.evaluation.report import Report
    from attnclf.runtime.classifier import Classifier
    from attnclf.runtime.evaluate import evaluate as run
    from attnclf_cli.labelled import rows_for

    classifier = Classifier.load(model, device=device.value, precision=precision.value)
    rows = rows_for(
        classifier.bundle,
        data,
        input_format=input_format,
        text_column=text_column,
        label_column=label_column,
        label_separator=label_separator,
        on_bad_row=on_bad_row,
    )
    metrics = run(classifier, rows)
    if format is ReportFormat.json:
        typer.echo(json.dumps(metrics.to_dict(), ensure_ascii=False))
    else:
        Console(highlight=False).print(Report(title=f"{model} on {data}", splits={"rows": metrics}))
