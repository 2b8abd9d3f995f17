"""`attnclf export`: another precision for a model, or its network as a file for other programs."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnclf_cli import options

if TYPE_CHECKING:
    from attnclf.export.precision import Comparison, Made


class NetworkFormat(StrEnum):
    """What --to writes."""

    onnx = "onnx"
    triton = "triton"


def export(
    model: options.ModelFolder,
    precision: options.Precision = options.PrecisionName.fp32,
    data: Annotated[
        str | None,
        typer.Option("--data", help="Labelled rows on which the new network must be as accurate.", show_default=False),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Copy the network of that precision to this file.", show_default=False)
    ] = None,
    format: Annotated[
        NetworkFormat,
        typer.Option("--format", "-f", help="Format of --to; triton: a folder of a Triton model repository."),
    ] = NetworkFormat.onnx,
    device: Annotated[options.DeviceName, typer.Option("--device", help="Where Triton runs the network.")] = (
        options.DeviceName.auto
    ),
    instances: Annotated[int, typer.Option(min=1, help="Triton instances on each device.")] = 1,
    batch_size: Annotated[int, typer.Option(min=1, help="Maximum batch size of Triton.")] = 64,
    text_column: options.TextColumns = None,
    label_column: options.LabelColumn = None,
    label_separator: options.LabelSeparator = None,
    input_format: options.DataFormat = None,
    on_bad_row: options.OnBadRow = options.BadRows.error,
) -> None:
    """Add an fp16 or int8 network to a model, if it stays as accurate; or copy a network out with --to."""
    from attnclf.errors import ConfigError
    from attnclf.export.precision import add_precision, copy_out

    if to is not None:
        if data is not None:
            raise ConfigError("--data is for making a precision, --to for copying one", fix="leave one of them out")
        if format is NetworkFormat.triton:
            from attnclf.export.triton import write_model

            write_model(
                model,
                Path(to),
                precision=precision.value,
                device=device.value,
                instances=instances,
                batch_size=batch_size,
            )
        else:
            copy_out(model, precision.value, to)
        typer.echo(f"Wrote {to}", err=True)
        return
    if format is NetworkFormat.triton:
        raise ConfigError("--format triton writes a folder of a model repository", fix="pass --to REPOSITORY/NAME")
    if precision is options.PrecisionName.fp32:
        raise ConfigError("every model has an fp32 network", fix="pass --precision fp16 or int8, or --to FILE")

    from attnclf.bundle import NETWORKS, open_bundle
    from attnclf.data.read_options import ReadOptions
    from attnclf_cli.labelled import rows_for

    rows = None
    if data is not None:
        rows = rows_for(
            open_bundle(model),
            data,
            ReadOptions(
                format=input_format,
                text_columns=text_column,
                label_column=label_column,
                label_separator=label_separator,
                on_bad_row=on_bad_row.value,
            ),
        )
    made: Made = "fp16" if precision is options.PrecisionName.fp16 else "int8"
    comparison = add_precision(model, made, rows)
    typer.echo(_told(comparison, made))
    typer.echo(f"Wrote {model / NETWORKS[made]}. Use it with --precision {made}.", err=True)


def _told(comparison: "Comparison", made: str) -> str:
    texts = "labelled" if comparison.score is not None else "made"
    lines = [
        f"size          {comparison.original_bytes / 1e6:.1f} MB in fp32, {comparison.bytes / 1e6:.1f} MB in {made}",
        f"probabilities differ by at most {comparison.difference:.4f}",
        f"labels        {comparison.changed:.2%} of {comparison.texts:,} {texts} texts get another one",
    ]
    if comparison.score is not None and comparison.original is not None:
        lines.append(f"score         {100 * comparison.original:.1f} in fp32, {100 * comparison.score:.1f} in {made}")
    return "\n".join(lines)
