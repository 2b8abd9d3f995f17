"""Reading the labelled rows that a model is compared with."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from attnclf_cli import options

if TYPE_CHECKING:
    from attnclf.bundle import Bundle
    from attnclf.data.corpus import Corpus


def rows_for(
    bundle: "Bundle",
    data: str,
    *,
    input_format: str | None,
    text_column: Sequence[str] | None,
    label_column: str | None,
    label_separator: str | None,
    on_bad_row: options.BadRows,
    rationale_column: str | None = None,
    rationales: bool = False,
) -> "Corpus":
    """Return the rows as the model reads them, its numeric columns where it has some; say what was left out.

    With `rationales` what people marked is read too, where there is such a column or one is named.
    """
    from attnclf.data import corpus

    rows = corpus.read(
        data,
        format=input_format,
        text_columns=text_column,
        feature_columns=bundle.columns,
        label_column=label_column,
        label_separator=label_separator,
        rationale_column=rationale_column,
        rationales=rationales,
        on_bad_row=on_bad_row.value,
    )
    typer.echo(rows.description, err=True)
    for row in rows.bad:
        typer.echo(f"Warning: left out {row.place}: {row.reason}", err=True)
    return rows
