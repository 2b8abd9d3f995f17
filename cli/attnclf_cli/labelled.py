"""Reading the labelled rows that a model is compared with."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from attnclf.bundle import Bundle
    from attnclf.data.corpus import Corpus
    from attnclf.data.read_options import ReadOptions


def rows_for(bundle: "Bundle", data: str, options: "ReadOptions") -> "Corpus":
    """Return the rows as the model reads them, its numeric columns where it has some; print what was left out."""
    import dataclasses

    from attnclf.data import corpus

    rows = corpus.read(data, dataclasses.replace(options, feature_columns=bundle.columns))
    for line in (rows.description, *rows.warnings()):
        typer.echo(line, err=True)
    return rows
