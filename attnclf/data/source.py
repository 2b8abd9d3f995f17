"""Where data comes from, and how a reader gets its bytes, its lines or its first lines."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from attnclf.data.streams import Damage, lines, open_bytes


def quiet(note: str) -> None:
    """Print nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlabelled:
    """How to read texts without labels: the columns asked for, where damage is counted and guesses go."""

    asked: tuple[str, ...] = ()
    damage: Damage = field(default_factory=Damage)
    say: Callable[[str], None] = quiet


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where data is: `name` is its name in messages, `format` a key of `formats.FORMATS`.

    `location` is the path, or the hub dataset's "name" or "name:config"; `data` is an object that already is in memory.
    A reader takes an open `stream` if it is given. `unlabelled` is None where rows are read with their labels.
    `columns` are the only ones needed, where a reader can leave out the others.
    """

    name: str
    format: str
    location: str = ""
    data: object = None
    stream: BinaryIO | None = None
    split: str | None = None
    unlabelled: Unlabelled | None = None
    columns: tuple[str, ...] | None = None

    @property
    def path(self) -> Path:
        """The file or folder (not of the hub, and not of a stream)."""
        return Path(self.location)

    @property
    def live(self) -> bool:
        """Whether the data arrives bit by bit and can be read only once, as from a pipe."""
        return self.stream is not None and not self.stream.seekable()

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Give the bytes, decompressed."""
        if self.stream is not None:
            yield self.stream
        else:
            with open_bytes(self.path) as stream:
                yield stream

    def lines(self) -> Iterator[str]:
        """Yield lines with their endings. Broken bytes become surrogates, in texts without labels U+FFFD."""
        with self.open() as stream:
            yield from lines(stream, self.unlabelled.damage if self.unlabelled else None)

    def first_lines(self, count: int) -> list[str]:
        """Return the first lines and go back to the first one (not of a live source)."""
        with self.open() as stream:
            start = stream.tell()
            found = list(islice(lines(stream), count))
            stream.seek(start)
        return found
