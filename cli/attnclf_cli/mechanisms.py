"""`attnclf mechanisms`: what can be chosen, with formula and source, and whether each of it works here."""

import json
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from attnclf.errors import ConfigError


class MechanismsFormat(StrEnum):
    """How the table is printed; auto is a table on a terminal and tsv elsewhere."""

    auto = "auto"
    table = "table"
    tsv = "tsv"
    json = "json"


def mechanisms(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Names to list; default: all.", show_default=False)
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Train, export, predict and explain with each one on built-in rows.")
    ] = False,
    format: Annotated[MechanismsFormat, typer.Option("--format", "-f")] = MechanismsFormat.auto,
) -> None:
    """List the scores, alignments, contexts and architectures, with formula and source."""
    from rich.console import Console

    name = format.value
    if name == "auto":
        name = "table" if sys.stdout.isatty() else "tsv"
    records = []
    with Console(stderr=True, highlight=False).status("Loading torch …") as status:
        from attnclf.training.mechanisms import attempt
        from attnclf.training.mechanisms import mechanisms as every

        known = {row.name for row in every()}
        for unknown in set(names or ()) - known:
            raise ConfigError(f"unknown mechanism {unknown!r}", fix=f"use one of: {', '.join(sorted(known))}")
        for row in every():
            if names and row.name not in names:
                continue
            record: dict[str, Any] = {
                "kind": row.kind,
                "name": row.name,
                "formula": row.formula,
                "source": row.source,
            }
            if check:
                status.update(f"Trying {row.kind} {row.name} …")
                trial = attempt(row)
                record |= {"check": trial.problem or "ok", "seconds": round(trial.seconds, 1)}
            records.append(record)
            if name == "tsv":
                typer.echo("\t".join(_cells(record)))
    if name == "json":
        typer.echo(json.dumps(records, ensure_ascii=False))
    elif name == "table":
        _print_table(records)
    if any(record.get("check", "ok") != "ok" for record in records):
        raise typer.Exit(1)


def _print_table(records: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for title in records[0]:
        table.add_column(title, overflow="fold", no_wrap=title in ("kind", "name"))
    for record in records:
        table.add_row(*map(Text, _cells(record)))
    Console(highlight=False).print(table)


def _cells(record: dict[str, Any]) -> list[str]:
    """Return a record as text without tabs and line ends."""
    return [" ".join(str(value).split()) for value in record.values()]
