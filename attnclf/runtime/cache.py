"""The cache of a stream: a text that comes again gets the line of the first time, without the network.

Logs, forms and chats repeat themselves. The cache is bounded and has two generations: when the younger is full, it
becomes the older, whose texts are dropped unless they come again.
"""

from collections.abc import Iterable, Mapping

GENERATION = 16 * 2**20  # characters of a generation, with `OVERHEAD`
OVERHEAD = 200  # what Python keeps for a text and its line, in characters


class PredictionCache:
    """The lines of the last texts; `size` is that of a generation, in characters."""

    def __init__(self, size: int = GENERATION) -> None:
        self._size = size
        self._young: dict[str, str] = {}
        self._old: dict[str, str] = {}
        self._used = 0

    def get(self, texts: Iterable[str]) -> dict[str, str]:
        """Return the lines of those of the texts that are cached."""
        young, old = self._young, self._old
        again = {text: old[text] for text in texts if text in old and text not in young} if old else {}
        self.add(again)
        return {text: young[text] for text in texts if text in young} | again

    def add(self, lines: Mapping[str, str]) -> None:
        """Cache the lines of texts."""
        if self._used > self._size:
            self._old, self._young, self._used = self._young, {}, 0
        self._young.update(lines)
        self._used += sum(map(len, lines)) + sum(map(len, lines.values())) + OVERHEAD * len(lines)
