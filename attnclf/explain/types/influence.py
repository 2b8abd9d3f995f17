"""The words that move each label most over many texts: explanations added up, a word at a time."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Any

from attnclf.explain.types.drawable import Page
from attnclf.explain.types.explanation import Explanation

EXCERPT = 80  # characters of an example


@dataclass(slots=True)
class Influence:
    """What one word did in the texts that got one label.

    `total` is the sum of its weights, in log-odds, over the `texts` that have it; `example` is the text in which it did
    `most`, and `start` its place there.
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

    @property
    def force(self) -> tuple[float, float]:
        """What words are ranked by, |mean| · √(texts - 1): neither one odd text nor a word of all texts comes first."""
        return abs(self.mean) * math.sqrt(self.texts - 1), abs(self.mean)

    def excerpt(self, room: int = EXCERPT) -> str:
        """Return the words of the example around this one, on one line of at most about `room` characters."""
        return excerpt(self.example, self.start, len(self.word), room)

    def to_dict(self) -> dict[str, Any]:
        """Return the documented JSON form: word, texts, mean, example."""
        return {"word": self.word, "texts": self.texts, "mean": self.mean, "example": self.excerpt()}


@dataclass(slots=True)
class Influences(Page):
    """What every word did in the texts of every label; it draws itself, on a terminal and on a page.

    Only explanations by a signed method can be added up.
    """

    method: str
    top: int = 10
    against: str | None = None  # the label that all others were compared with; itself with the next best of each text
    texts: Counter[str] = field(default_factory=Counter)
    words: dict[str, dict[str, Influence]] = field(default_factory=dict)

    def add(self, explanation: Explanation) -> None:
        """Count the words of one explanation; those that differ in upper and lower case only are one.

        A text counts under its best label, and nowhere where it does not get that one.
        """
        if explanation.label is None or explanation.label not in explanation.chosen:
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
                found.most, found.example, found.start = weight, explanation.text, starts[name]

    def strongest(self, label: str) -> list[Influence]:
        """Return the `top` words that moved a label most, for it or against it."""
        return nlargest(self.top, self.words.get(label, {}).values(), key=lambda one: one.force)

    def asked(self, label: str) -> str:
        """Return in words what was asked of the texts of a label: the method, and the label compared with."""
        if self.against is None:
            return self.method
        return f"{self.method}, against {'the next best' if label == self.against else self.against}"

    def to_dicts(self) -> Iterable[dict[str, Any]]:
        """Yield the documented JSON form, an object for each label: label, texts, method, words, against if asked."""
        for label, texts in self.texts.most_common():
            words = [one.to_dict() for one in self.strongest(label)]
            other = {} if self.against is None else {"against": None if label == self.against else self.against}
            yield {"label": label, "texts": texts, "method": self.method, **other, "words": words}


def excerpt(text: str, start: int, length: int, room: int) -> str:
    """Return whole words of a text around a place, on one line, in about `room` characters with the marks of a cut."""
    spare = max(room - length - 2, 0)
    first = max(min(start - spare // 2, len(text) - room + 1), 0)
    last = min(first + room - 2, len(text))
    if first:
        first = text.find(" ", first, start) + 1 or first
    if last < len(text):
        last = max(text.rfind(" ", start + length, last), start + length)
    return f"{'…' if first else ''}{' '.join(text[first:last].split())}{'…' if last < len(text) else ''}"
