"""Where results go, and notes about them."""

import contextlib
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
