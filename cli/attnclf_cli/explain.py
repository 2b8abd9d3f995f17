"""`attnclf explain`: which words decided."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from attnclf_cli import options


class ExplanationFormat(StrEnum):
    """How explanations are shown; auto goes by the name of --out, else terminal on one and json elsewhere."""

    auto = "auto"
    terminal = "terminal"
    json = "json"
    html = "html"
    svg = "svg"


ENDINGS = {".json": "json", ".jsonl": "json", ".html": "html", ".htm": "html", ".svg": "svg"}


def explain(
    model: options.ModelFolder,
    source: Annotated[str, typer.Argument(metavar="[FILE|-]", help="Texts; - is stdin, one text a line.")] = "-",
    method: Annotated[str, typer.Option(help="How words are weighed: attention.")] = "attention",
    format: Annotated[ExplanationFormat, typer.Option("--format", "-f")] = ExplanationFormat.auto,
    top: Annotated[int, typer.Option(min=1, help="Name so many of the heaviest words.")] = 5,
    text_column: options.TextColumns = None,
    input_format: options.DataFormat = None,
    device: options.Device = options.DeviceName.auto,
    precision: options.Precision = options.PrecisionName.fp32,
    out: options.Out = None,
) -> None:
    """Show which words decided: the text with its words shaded by the weight they had."""
    from attnclf.data.inputs import Damage, open_input, texts
    from attnclf.explain.explain import explain as run
    from attnclf.runtime.classifier import Classifier
    from attnclf.runtime.stream import windows
    from attnclf_cli.output import drawn, opened, warn_of_damage

    name = format.value
    if name == "auto" and out is not None:
        name = ENDINGS.get(out.suffix.lower(), "terminal")
    elif name == "auto":
        name = "terminal" if sys.stdout.isatty() else "json"
    classifier = Classifier.load(model, device=device.value, precision=precision.value)
    damage = Damage()
    with open_input(source, format=input_format) as (stream, kind), opened(out) as output:
        lines = texts(stream, format=kind, text_columns=text_column, damage=damage)
        explained = (run(classifier, window, method=method) for window in windows(lines))
        drawn(name, explained, output, top=top)
    warn_of_damage(damage)
