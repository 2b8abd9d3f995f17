"""Measure how fast attnclf is here, side by side with what people would use instead, and write benchmarks/RESULTS.md.

    python -m benchmarks.speed [limit] [core] [predict] [train] [startup] [memory] [scaling]

Without a name every part is measured. Run from the root of the repository. Only the sections of the parts that were
measured are replaced.
"""

import importlib
import sys
from enum import StrEnum
from typing import Annotated

import typer

from benchmarks.results import put
from benchmarks.speed.settings import DATA, OUT, WORK, Data, Model, NotHereError, Out, Setup, Work


class Part(StrEnum):
    """What can be measured, in the order in which it is; each is a module with `measure(setup)` → Markdown."""

    limit = "limit"
    core = "core"
    predict = "predict"
    train = "train"
    startup = "startup"
    memory = "memory"
    scaling = "scaling"


HEADINGS = {
    Part.limit: "Speed: the limit of the machine",
    Part.core: "Speed: the network alone",
    Part.predict: "Speed: predict",
    Part.train: "Speed: training",
    Part.startup: "Speed: start-up",
    Part.memory: "Speed: memory",
    Part.scaling: "Speed: scaling",
}


app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def main(
    parts: Annotated[list[Part] | None, typer.Argument(show_default=False)] = None,
    data: Data = DATA,
    rounds: Annotated[int | None, typer.Option(min=1, help="Instead of each part's own number.")] = None,
    rows: Annotated[
        int | None,
        typer.Option(min=64, help="Lines, training rows, or rows of the large matrix, instead of each part's own."),
    ] = None,
    model: Model = None,
    work: Work = WORK,
    out: Out = OUT,
) -> None:
    """Measure the parts, all of them without a name, and write their sections."""
    work.mkdir(parents=True, exist_ok=True)
    setup = Setup(data=data, work=work, rounds=rounds, rows=rows, model=model)
    skipped = False
    for part in [part for part in Part if part in (parts or Part)]:
        print(f"{part}:", file=sys.stderr, flush=True)
        try:
            body = importlib.import_module(f"benchmarks.speed.parts.{part}").measure(setup)
        except NotHereError as reason:
            print(f"  skipped: {reason}", file=sys.stderr)
            skipped = True
            continue
        put(out, HEADINGS[part], body)
        print(f"## {HEADINGS[part]}\n\n{body}\n", flush=True)
    raise typer.Exit(1 if skipped and parts else 0)


if __name__ == "__main__":
    app()
