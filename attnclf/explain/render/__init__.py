"""Explanations as text, json, html and svg: one row for each format.

A value to draw is an `Explanation`, a `Comparison`, or the `Influences` of words over many texts. A renderer is a
function and a row; programs add their own with `register_renderer`.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple, TextIO

from attnclf.catalog import imported
from attnclf.errors import ConfigError


class Renderer(NamedTuple):
    """A format: `write(windows, output, top)` writes values to a text stream, window by window as they come.

    `top` is the number of words to name under a text. `write` may be "module:function", imported at its first use.
    `endings` are those of files that get this format.
    """

    write: Callable[[Iterable[Sequence[Any]], TextIO, int], None] | str
    endings: tuple[str, ...] = ()


RENDERERS: dict[str, Renderer] = {
    "terminal": Renderer("attnclf.explain.render.terminal.values:write"),
    "json": Renderer("attnclf.explain.render.jsonl:write", (".json", ".jsonl")),
    "html": Renderer("attnclf.explain.render.html.document:write", (".html", ".htm")),
    "svg": Renderer("attnclf.explain.render.svg.highlight:write", (".svg",)),
}


def register_renderer(
    name: str, write: Callable[[Iterable[Sequence[Any]], TextIO, int], None], *, endings: Sequence[str] = ()
) -> None:
    """Add a format that `explain --format` may name, and that files with these endings get (such as ".md").

    `write(windows, output, top)` is as in `Renderer`. Raises ConfigError for a name or an ending that is taken.
    """
    if name in RENDERERS or name == "auto":
        raise ConfigError(f"there is a format {name!r} already", fix="register yours under another name")
    for ending in endings:
        if any(ending in row.endings for row in RENDERERS.values()):
            raise ConfigError(f"files ending in {ending} have a format already", fix="register another ending")
    RENDERERS[name] = Renderer(write, tuple(endings))


def write(name: str, windows: Iterable[Sequence[Any]], output: TextIO, *, top: int = 5) -> None:
    """Write values in a format of `RENDERERS`."""
    imported(RENDERERS[name].write)(windows, output, top)


def format_of(path: str | PurePath) -> str | None:
    """Return the format for a file by its ending, None for a file without one. Raises ConfigError for another one."""
    ending = PurePath(path).suffix.lower()
    known = {one: name for name, row in RENDERERS.items() for one in row.endings}
    if ending and ending not in known:
        raise ConfigError(
            f"explain writes no {ending}", fix=f"name a file that ends in {', '.join(known)}, or pass --format"
        )
    return known.get(ending)
