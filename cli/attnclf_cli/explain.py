"""`attnclf explain`: which words decided."""

import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attnclf_cli import options

if TYPE_CHECKING:
    from attnclf.explain.explanation import Explanation


class ExplanationFormat(StrEnum):
    """How explanations are shown; auto goes by the name of --out, else terminal on one and json elsewhere."""

    auto = "auto"
    terminal = "terminal"
    json = "json"
    html = "html"
    svg = "svg"


FEW = 16  # texts at a time where each has its map, which may be large
ENDINGS = {".json": "json", ".jsonl": "json", ".html": "html", ".htm": "html", ".svg": "svg"}


def explain(
    model: options.ModelFolder,
    source: Annotated[str, typer.Argument(metavar="[FILE|-]", help="Texts; - is stdin, one text a line.")] = "-",
    method: Annotated[str, typer.Option(help="How words are weighed: attention.")] = "attention",
    format: Annotated[ExplanationFormat, typer.Option("--format", "-f")] = ExplanationFormat.auto,
    top: Annotated[int, typer.Option(min=1, help="Name so many of the heaviest words.")] = 5,
    maps: Annotated[
        bool | None,
        typer.Option(
            "--map/--no-map", help="Draw the map of attention; by default of short texts.", show_default=False
        ),
    ] = None,
    layer: Annotated[
        int | None, typer.Option(metavar="N", help="Layer on the map, from 1; by default the last.", show_default=False)
    ] = None,
    head: Annotated[
        str | None, typer.Option(metavar="N|mean", help="Head on the map; by default the mean.", show_default=False)
    ] = None,
    text_column: options.TextColumns = None,
    input_format: options.DataFormat = None,
    device: options.Device = options.DeviceName.auto,
    precision: options.Precision = options.PrecisionName.fp32,
    out: options.Out = None,
) -> None:
    """Show which words decided: the text with its words shaded by the weight they had."""
    from attnclf.data.inputs import Damage, open_input, texts
    from attnclf.explain.explain import explain as run
    from attnclf.explain.maps import MAPS
    from attnclf.runtime.classifier import Classifier
    from attnclf.runtime.stream import WINDOW, Windows
    from attnclf_cli.output import drawn, opened, warn_of_damage

    name = format.value
    if name == "auto" and out is not None:
        name = ENDINGS.get(out.suffix.lower(), "terminal")
    elif name == "auto":
        name = "terminal" if sys.stdout.isatty() else "json"
    chosen_head = _head(head)
    classifier = Classifier.load(model, device=device.value, precision=precision.value)
    unasked = MAPS.get(classifier.bundle.pictures) if (maps, layer, head) == (None, None, None) else None
    damage = Damage()
    read = long = 0

    def explained(lines: Iterable[str]) -> Iterator[list["Explanation"]]:
        nonlocal read, long
        for window in Windows(lines, size=FEW if maps or layer or head else WINDOW):
            some = run(classifier, window, method=method, maps=maps, layer=layer, head=chosen_head)
            read += len(some)
            long += sum(unasked is not None and len(one.words) > unasked.short for one in some)
            yield some

    with open_input(source, format=input_format) as (stream, kind), opened(out) as output:
        lines = texts(
            stream,
            format=kind,
            text_columns=text_column,
            feature_columns=classifier.bundle.columns,
            damage=damage,
        )
        drawn(name, explained(lines), output, top=top)
    warn_of_damage(damage)
    if unasked and long:
        typer.echo(f"Note: {long:,} of {read:,} texts have more than {unasked.short} words; --map maps them", err=True)


def _head(name: str | None) -> int | Literal["mean"] | None:
    if name is None:
        return None
    if name == "mean":
        return "mean"
    if not name.isdecimal():
        raise typer.BadParameter(f"{name!r} is neither a number nor mean", param_hint="'--head'")
    return int(name)
