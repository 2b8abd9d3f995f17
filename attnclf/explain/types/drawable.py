"""The one way back from values to renderers: a value that prints itself imports its drawing when it is printed."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult


class Drawable:
    """Base of values that draw themselves: as text by `print`, with colour by rich."""

    __slots__ = ()

    def __str__(self) -> str:
        """Return the text that a console without colours shows, 100 cells wide."""
        from rich.console import Console

        page = io.StringIO()
        Console(file=page, width=100, color_system=None, highlight=False).print(self)
        return page.getvalue().rstrip("\n")

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from attnclf.explain.render.terminal.values import parts

        yield from parts(self)


class Page(Drawable):
    """Base of values that draw themselves in a notebook, too."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        from attnclf.explain.render.html import document

        return document.fragment([self])  # type: ignore[list-item]
