"""Where results go, and explanations in the formats of `explain`."""

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer

from attnclf.errors import DataError

if TYPE_CHECKING:
    from attnclf.data.inputs import Damage
    from attnclf.explain.explanation import Explanation


@contextlib.contextmanager
def opened(out: Path | None) -> Iterator[TextIO]:
    """Yield a UTF-8 text stream: stdout, or a temporary file renamed to `out` when the block ends well."""
    if out is None or str(out) == "-":
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
        yield sys.stdout
        return
    fresh = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with fresh.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        fresh.replace(out)
    except OSError as error:
        raise DataError(f"cannot write {out}: {error.strerror}", fix="pass another --out") from error
    finally:
        fresh.unlink(missing_ok=True)


def drawn(name: str, windows: Iterable[list["Explanation"]], output: TextIO, *, top: int) -> None:
    """Write explanations as json (one object a line) or terminal as they come, as html or svg when all are there."""
    if name == "json":
        for window in windows:
            output.writelines(json.dumps(one.to_dict(), ensure_ascii=False) + "\n" for one in window)
            output.flush()
    elif name == "terminal":
        from rich.console import Console

        from attnclf.explain.heatmap_terminal import HeatMap
        from attnclf.explain.terminal import Highlight

        console = Console(file=output, highlight=False)
        for window in windows:
            for one in window:
                # Rich would end the process on a closed pipe in its own way; our own writes end it in ours.
                with console.capture() as shown:
                    for picture in (Highlight(one, top=top), *map(HeatMap, one.maps)):
                        console.print(picture)
                        console.print()
                output.write(shown.get())
            output.flush()
    elif name == "html":
        from attnclf.explain import html

        output.write(html.render(one for window in windows for one in window))
    else:
        from attnclf.explain import svg

        output.write(svg.render(one for window in windows for one in window))


def warn_of_damage(damage: "Damage") -> None:
    """Say how many lines were not valid UTF-8."""
    if damage.lines:
        were = "line was" if damage.lines == 1 else "lines were"
        typer.echo(f"Warning: {damage.lines:,} {were} not valid UTF-8; broken bytes were read as \ufffd", err=True)
