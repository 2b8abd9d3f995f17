"""Where results go, and explanations in the formats of `explain`."""

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer

from attnclf.atomic import atomic_write, output_path
from attnclf.errors import DataError
from attnclf_cli.streams import ReaderLeft

if TYPE_CHECKING:
    from attnclf.data.streams import Damage
    from attnclf.explain.types.explanation import Comparison, Explanation
    from attnclf.explain.types.influence import Influences
    from attnclf.runtime.streaming import StreamCounts


@contextlib.contextmanager
def opened(out: str | Path | None, *, model: Path, option: str = "--out") -> Iterator[TextIO]:
    """Yield a UTF-8 text stream: stdout, or a file that appears when the block ends well.

    Links are followed; devices and pipes are written to. `option` is the option that named the file. Nothing is written
    into `model`, the folder of the model in use.
    """
    if out is None or str(out) == "-":
        yield sys.stdout
        return
    try:
        path = output_path(out, option=option, model=model)
        with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
            yield file
    except BrokenPipeError as closed:
        raise ReaderLeft from closed
    except OSError as error:
        raise DataError(f"cannot write {out}: {error.strerror}", fix=f"pass another {option}") from error


def drawn(name: str, windows: "Iterable[list[Explanation] | list[Comparison]]", output: TextIO, *, top: int) -> None:
    """Write explanations as json (one object a line) or terminal as they come, as html or svg when all are there."""
    if name == "json":
        for window in windows:
            output.writelines(json.dumps(one.to_dict(), ensure_ascii=False) + "\n" for one in window)
            output.flush()
    elif name == "terminal":
        from attnclf.explain.render.terminal.heatmap import HeatMap
        from attnclf.explain.render.terminal.highlight import Highlight
        from attnclf.explain.types.explanation import Explanation

        for window in windows:
            for one in window:
                if isinstance(one, Explanation):
                    _printed(output, Highlight(one, top=top), *map(HeatMap, one.maps))
                else:
                    _printed(output, one)
            output.flush()
    else:
        _page(name, (one for window in windows for one in window), output)


def summed_up(name: str, influences: "Influences", output: TextIO) -> None:
    """Write what words do over many texts, in the formats of explanations; json has one object for each label."""
    if name == "json":
        output.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in influences.to_dicts())
    elif name == "terminal":
        _printed(output, influences)
    else:
        _page(name, [influences], output)


def _printed(output: TextIO, *pictures: object) -> None:
    """Print pictures with a blank line after each."""
    from rich.console import Console

    console = Console(file=output, highlight=False)
    # Rich would end the process on a pipe of --out that is closed in its own way; our own writes end it in ours.
    with console.capture() as shown:
        for picture in pictures:
            console.print(picture)
            console.print()
    output.write(shown.get())


def _page(name: str, pictures: "Iterable[Explanation | Comparison | Influences]", output: TextIO) -> None:
    from attnclf.explain.render.html import document
    from attnclf.explain.render.svg import highlight as svg

    output.write(document.render(pictures) if name == "html" else svg.render(pictures))


def warn_of_damage(damage: "Damage") -> None:
    """Say how many lines were not valid UTF-8."""
    if damage.lines:
        were = "line was" if damage.lines == 1 else "lines were"
        typer.echo(f"Warning: {damage.lines:,} {were} not valid UTF-8; broken bytes were read as \ufffd", err=True)


def note_of_slopes(methods: Iterable[str], precision: str) -> None:
    """Say which methods take their gradients from another network than the one that answers."""
    from attnclf.explain.methods import METHODS

    slopes = [name for name in methods if name in METHODS and METHODS[name].torch]
    if slopes and precision != "fp32":
        whose = f"gradients are those of the fp32 network, labels and scores those of {precision}"
        typer.echo(f"Note: {', '.join(slopes)}: {whose}", err=True)


def note_of_truncation(answered: "StreamCounts", longest: int) -> None:
    """Say how many texts were not read to their end."""
    if answered.truncated:
        cut = f"{answered.truncated:,} of {answered.texts:,} texts"
        typer.echo(f"Note: {cut} were read up to their first {longest:,} units only", err=True)
