"""Options that several commands share: the same name and help everywhere."""

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class DeviceName(StrEnum):
    """Where a model runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class PrecisionName(StrEnum):
    """The numbers that a network computes with."""

    fp32 = "fp32"
    fp16 = "fp16"
    int8 = "int8"


class BadRows(StrEnum):
    """What happens with rows that cannot be used."""

    error = "error"
    skip = "skip"


def _located(model: str) -> Path:
    """Return the folder of a model argument."""
    from attnclf.hub import located

    return located(model)


def number(value: float | None) -> float | None:
    """Return a number as it is; what is none, such as "nan", passes every check of a range."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a number")
    return value


ModelFolder = Annotated[
    Path,
    typer.Option(
        "--model",
        "-m",
        envvar="ATTNCLF_MODEL",
        parser=_located,
        metavar="DIR|hf:OWNER/NAME",
        help="The folder that train wrote, or a model on the Hugging Face hub.",
        show_default=False,
    ),
]
Device = Annotated[DeviceName, typer.Option("--device", help="Device; auto uses a GPU if there is one.")]
Precision = Annotated[
    PrecisionName, typer.Option("--precision", help="Number format of the network; attnclf export makes fp16 and int8.")
]
Out = Annotated[
    str | None, typer.Option("--out", "-o", help="Write here instead of to the terminal.", show_default=False)
]
TextColumns = Annotated[
    list[str] | None,
    typer.Option("--text-column", help="Column with the text; give it twice to join two.", show_default=False),
]
LabelColumn = Annotated[
    str | None, typer.Option("--label-column", help="Column with the label or labels.", show_default=False)
]
LabelSeparator = Annotated[
    str | None,
    typer.Option("--label-separator", help="Several labels stand in one cell, separated by this.", show_default=False),
]
DataFormat = Annotated[
    str | None,
    typer.Option(
        "--input-format",
        help="Format of the data when its name does not tell: csv, tsv, jsonl, json, parquet, fasttext, lines.",
        show_default=False,
    ),
]
OnBadRow = Annotated[
    BadRows, typer.Option("--on-bad-row", help="Refuse a file with unusable rows, or skip and count them.")
]
