"""The words that move each label most over many texts: explanations added up, a word at a time."""

import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from attnclf.explain.explanation import Explanation

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

EXCERPT = 70  # characters of an example


@dataclass(slots=True)
class Influence:
    """What one word did in the texts that got one label.

    `total` is the sum of its weights, in log-odds, over the `texts` that have it; `example` is the text in which it did
    most, with the `start` of the word there and the weight `most` that it had.
    """

    word: str
    texts: int = 0
    total: float = 0.0
    most: float = 0.0
    example: str = ""
    start: int = 0

    @property
    def mean(self) -> float:
        """What the word does in a text on average."""
        return self.total / self.texts

    def to_dict(self) -> dict[str, Any]:
        """Return the documented JSON form: word, texts, total, mean, example."""
        return {
            "word": self.word,
            "texts": self.texts,
            "total": self.total,
            "mean": self.mean,
            "example": self.example,
        }


@dataclass(slots=True)
class Influences:
    """What every word did in the texts of every label; it draws itself, on a terminal and on a page.

    Only explanations by a signed method can be added up.
    """

    method: str
    top: int = 10
    texts: Counter[str] = field(default_factory=Counter)
    words: dict[str, dict[str, Influence]] = field(default_factory=dict)

    def add(self, explanation: Explanation) -> None:
        """Count the words of one explanation; those that differ in upper and lower case only are one."""
        if explanation.label is None:
            return
        self.texts[explanation.label] += 1
        known = self.words.setdefault(explanation.label, {})
        weights: dict[str, float] = {}
        starts: dict[str, int] = {}
        for word in explanation.words:
            name = word.text.lower()
            weights[name] = weights.get(name, 0.0) + word.weight
            starts.setdefault(name, word.start)
        for name, weight in weights.items():
            found = known.setdefault(name, Influence(name))
            found.texts += 1
            found.total += weight
            if not found.example or abs(weight) > abs(found.most):
                found.most, found.start = weight, starts[name]
                found.example = excerpt(explanation.text, starts[name], len(name))

    def strongest(self, label: str) -> list[Influence]:
        """Return the `top` words that moved a label most, for it or against it, summed over its texts."""
        found = sorted(self.words.get(label, {}).values(), key=lambda one: (-abs(one.total), one.word))
        return found[: self.top]

    def to_dicts(self) -> Iterable[dict[str, Any]]:
        """Yield the documented JSON form, an object for each label: label, texts, method, words."""
        for label, texts in self.texts.most_common():
            words = [one.to_dict() for one in self.strongest(label)]
            yield {"label": label, "texts": texts, "method": self.method, "words": words}

    def __str__(self) -> str:
        from rich.console import Console

        page = io.StringIO()
        Console(file=page, width=100, color_system=None, highlight=False).print(self)
        return page.getvalue().rstrip("\n")

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from attnclf.explain.influence_terminal import lines

        yield from lines(self, console, options.max_width)

    def _repr_html_(self) -> str:
        from attnclf.explain import html

        return html.fragment([self])


def excerpt(text: str, start: int, length: int) -> str:
    """Return the words around a place of a text, on one line of about `EXCERPT` characters."""
    room = max((EXCERPT - length) // 2, 0)
    first, last = max(start - room, 0), min(start + length + room, len(text))
    around = " ".join(text[first:last].split())
    return f"{'…' if first else ''}{around}{'…' if last < len(text) else ''}"
