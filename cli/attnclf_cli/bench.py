"""`attnclf bench`: what a model does on this machine."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from attnclf_cli import options

if TYPE_CHECKING:
    from attnclf.runtime.bench import Figures, Spread


class BenchFormat(StrEnum):
    """The output format."""

    table = "table"
    json = "json"


def bench(
    model: options.ModelFolder,
    file: Annotated[
        str | None,
        typer.Option("--file", help="Your texts; default: generated texts of typical length.", show_default=False),
    ] = None,
    format: Annotated[BenchFormat, typer.Option("--format", "-f")] = BenchFormat.table,
    device: options.Device = options.DeviceName.auto,
    precision: Annotated[
        options.PrecisionName | None,
        typer.Option(help="Measure this precision only; default: all that exist.", show_default=False),
    ] = None,
) -> None:
    """Measure a model on this machine: throughput, latency and memory, for each precision and device."""
    import json
    from dataclasses import asdict

    from rich.console import Console

    from attnclf.errors import ConfigError
    from attnclf.runtime.bench import bench as run

    if file == "-":
        raise ConfigError("bench reads its texts several times, which a pipe cannot give", fix="name a file")

    with Console(stderr=True, highlight=False).status("Measuring …"):
        rows = list(run(model, file=file, device=device.value, precision=precision.value if precision else None))
    if format is BenchFormat.json:
        typer.echo(json.dumps([asdict(row) for row in rows], ensure_ascii=False))
    else:
        _print_table(rows)


def _print_table(rows: list["Figures"]) -> None:
    """Print one column for each precision and device."""
    from rich.console import Console
    from rich.table import Table

    lines = {
        "texts a second": [_spread(row.lines) for row in rows],
        "tokens a second": [_spread(row.tokens) for row in rows],
        "tokens a second, network alone": [_spread(row.session_tokens) for row in rows],
        "one text alone, p50": [f"{row.p50:.2f} ms" for row in rows],
        "one text alone, p99": [f"{row.p99:.2f} ms" for row in rows],
        "peak memory": ["-" if row.memory is None else f"{row.memory / 2**20:.0f} MiB" for row in rows],
    }
    console = Console(highlight=False)
    for places in _blocks(lines, console.width):
        table = Table(box=None, pad_edge=False)
        table.add_column(no_wrap=True)
        for place in places:
            table.add_column(f"{rows[place].precision} on {rows[place].device}", justify="right", no_wrap=True)
        for name, cells in lines.items():
            table.add_row(name, *(cells[place] for place in places))
        console.print(table)
    console.print(f"{rows[0].texts:,} texts of {rows[0].mean_units:.1f} tokens; median of five rounds (min-max)")


def _blocks(lines: Mapping[str, Sequence[str]], width: int) -> Iterator[list[int]]:
    """Yield the places of as many columns at a time as stand beside the names in so many cells, at least one."""
    from attnclf.text.screen import packed

    sizes = [2 + max(map(len, cells)) for cells in zip(*lines.values(), strict=True)]
    return packed(sizes, width - max(map(len, lines)))


def _spread(spread: "Spread") -> str:
    return f"{spread.median:,.0f} ({spread.min:,.0f}-{spread.max:,.0f})"
