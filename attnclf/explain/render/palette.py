"""How a weight becomes a tone: one scale per text, five tones per kind of screen."""

from collections.abc import Sequence
from dataclasses import dataclass

from attnclf.explain.types.explanation import Word

STEPS = 5

# A terminal does not say whether it is dark or light. So the tones keep one middle lightness and grow in colour, from
# grey to orange: the strongest stands out on both, and black text is readable on every one of them.
TONES: dict[str, tuple[str, ...]] = {
    "truecolor": (
        "#000000 on #b0aaa0",
        "#000000 on #bda788",
        "#000000 on #cea26a",
        "#000000 on #e29948",
        "bold #000000 on #f98924",
    ),
    "256": (
        "color(16) on color(248)",
        "color(16) on color(180)",
        "color(16) on color(179)",
        "color(16) on color(214)",
        "bold color(16) on color(208)",
    ),
    # What these names look like is the terminal's choice; plain yellow is too dark under black on some, and bold black
    # turns into grey on many.
    "standard": (
        "black on white",
        "underline black on white",
        "black on bright_yellow",
        "underline black on bright_yellow",
        "black on bright_red",
    ),
}
TONES["windows"] = TONES["standard"]

# The same for words that speak against the label: from grey to blue.
AGAINST: dict[str, tuple[str, ...]] = {
    "truecolor": (
        "#000000 on #a6acb2",
        "#000000 on #94b0c6",
        "#000000 on #7db4da",
        "#000000 on #63b7ec",
        "bold #000000 on #46b8fb",
    ),
    "256": (
        "color(16) on color(248)",
        "color(16) on color(110)",
        "color(16) on color(74)",
        "color(16) on color(75)",
        "bold color(16) on color(39)",
    ),
    "standard": (
        "black on white",
        "underline black on white",
        "black on bright_cyan",
        "underline black on bright_cyan",
        "black on cyan",
    ),
}
AGAINST["windows"] = AGAINST["standard"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The colours of an HTML page as `#rrggbb`; words shade from `background` towards `tone`, or towards `against`."""

    background: str
    text: str
    quiet: str
    tone: str
    against: str


LIGHT = Page(background="#ffffff", text="#1b1b1f", quiet="#5c5f66", tone="#f98924", against="#46b8fb")
DARK = Page(background="#16181d", text="#ececf0", quiet="#a3a7b0", tone="#a84d00", against="#0a6299")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The two weights between which the words of one text rise from no tone to the full one.

    `even` is the share every word would have if all weighed the same, 1 / number of words. `full` is the weight of the
    top word, but at least twice `even`: nearly equal weights must look equal. A single word is even. The sizes of
    signed weights count.
    """

    even: float
    full: float

    @classmethod
    def of(cls, words: Sequence[Word]) -> "Scale":
        """Return the scale of a text's words; without words, or with no weight at all, nothing ever gets a tone."""
        return cls.over([abs(word.weight) for word in words])

    @classmethod
    def over(cls, weights: Sequence[float]) -> "Scale":
        """Return the scale of any weights that are seen together: those of a text, those of a map."""
        even = sum(weights) / max(len(weights), 1)
        return cls(even=even, full=max([*weights, 2 * even]) if len(weights) > 1 else even)

    def strength(self, weight: float) -> float:
        """Return 0 at `even` and below, 1 at `full`, and a straight line between: (weight - even) / (full - even)."""
        if self.full <= self.even:
            return 0.0
        return min(max((abs(weight) - self.even) / (self.full - self.even), 0.0), 1.0)

    def step(self, weight: float, steps: int = STEPS) -> int:
        """Return the strength as the nearest of 0 (plain) to `steps` (the full tone)."""
        return int(steps * self.strength(weight) + 0.5)
