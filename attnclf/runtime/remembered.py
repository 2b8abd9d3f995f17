"""Texts that came before: the line that answered one answers it again, without the network.

Logs, forms and chats repeat themselves. What is kept is bounded, and forgotten in two generations: when the younger is
full it becomes the older, whose texts go unless they come again meanwhile.
"""

from collections.abc import Iterable, Mapping

ROOM = 16 * 2**20  # characters of a generation, with what is beside them
BESIDE = 200  # what Python keeps for a text and its line, in characters


class Remembered:
    """The last texts and their lines."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._young: dict[str, str] = {}
        self._old: dict[str, str] = {}
        self._taken = 0

    def among(self, texts: Iterable[str]) -> dict[str, str]:
        """Return the lines of those of the texts that are remembered."""
        young, old = self._young, self._old
        again = {text: old[text] for text in texts if text in old and text not in young} if old else {}
        self.keep(again)
        return {text: young[text] for text in texts if text in young} | again

    def keep(self, lines: Mapping[str, str]) -> None:
        """Remember the lines of texts."""
        if self._taken > self._room:
            self._old, self._young, self._taken = self._young, {}, 0
        self._young.update(lines)
        self._taken += sum(map(len, lines)) + sum(map(len, lines.values())) + BESIDE * len(lines)
