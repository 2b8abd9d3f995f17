"""An explanation as a value: a text, its prediction, and a weight for every word. Renderers draw it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from attnclf.explain.metrics.faithfulness import Faithfulness
from attnclf.explain.types.drawable import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One displayed word and its weight, the sum of the weights of its tokens.

    - `text` is `original[start:end]`, with `start` and `end` in characters.
    - `weight` of an unsigned method is at least 0, and the weights of a text sum to 1 (to less under a local alignment,
      to 0 if no word counts). That of a signed method is the effect of the word for the label (positive) or against it,
      in log-odds.
    - `error` is the standard error of a method that samples.
    - `contribution` is the exact effect on the logit of the label through the model's n-grams, less that on the label
      compared with. None for a model without n-grams.
    """

    text: str
    start: int
    end: int
    weight: float
    contribution: float | None = None
    error: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the documented JSON form: text, start, end, weight; error and contribution if known."""
        plain = {"text": self.text, "start": self.start, "end": self.end, "weight": self.weight}
        further = {"error": self.error, "contribution": self.contribution}
        return {**plain, **{name: value for name, value in further.items() if value is not None}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """Weights in two dimensions: `weights[row][column]`, non-negative, with what rows and columns stand for.

    Rows ask and columns answer: label × word, word × word. Where both are the words of the text they are the same
    words in the same order. A map whose one row bears the map's own name is a list: of columns with a weight each.
    `title` is the name in words, for people. `layer` and `head` tell a map of self-attention from its siblings: numbers
    from 1, "mean" for the mean of a layer's heads.
    """

    name: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    title: str = ""
    layer: int | None = None
    head: int | Literal["mean"] | None = None

    @property
    def is_list(self) -> bool:
        """Whether the map is a list of columns."""
        return self.rows == (self.name,)

    def to_dict(self) -> dict[str, Any]:
        """Return the documented JSON form: name, rows, columns, weights, and layer and head of self-attention."""
        plain = {"name": self.name, "rows": self.rows, "columns": self.columns, "weights": self.weights}
        return plain if self.layer is None else {**plain, "layer": self.layer, "head": self.head}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation(Page):
    """Why a text got its label: the prediction, its runners-up and the weight of every word.

    `label` is None for a text with nothing to classify (blank). `labels` holds every label with its probability,
    the best first; for a multi-label model `chosen` are those it gives the text, otherwise the one best label.
    `truncated_at` is the character offset after which the model read nothing, None when it read the whole text.
    `maps` are the weights behind the words, where they were asked for and the model has some. With `signed`, weights
    are for or against the label. `against` is the label that it is compared with, None for all others.
    `faithfulness` is how much the explanation is worth, where that was measured; `gap` what the weights miss of the sum
    that the method promises, where it promises one.

    It draws itself: as text by `print`, with colour by rich, as a picture in a notebook.
    """

    text: str
    label: str | None
    score: float | None
    labels: tuple[tuple[str, float], ...]
    chosen: tuple[str, ...]
    method: str
    words: tuple[Word, ...]
    truncated_at: int | None = None
    maps: tuple[Map, ...] = ()
    signed: bool = False
    against: str | None = None
    faithfulness: Faithfulness | None = None
    gap: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the documented JSON form.

        It has text, label, score, labels, method, tokens and truncated_at; against, gap, faithfulness and maps if the
        explanation has them; chosen if it is not just the one label.
        """
        plain = {
            "text": self.text,
            "label": self.label,
            "score": self.score,
            "labels": [{"label": label, "score": score} for label, score in self.labels],
            "method": self.method,
            "tokens": [word.to_dict() for word in self.words],
            "truncated_at": self.truncated_at,
        }
        further = {
            "chosen": None if self.label is None or self.chosen == (self.label,) else self.chosen,
            "against": self.against,
            "gap": self.gap,
            "faithfulness": self.faithfulness and self.faithfulness.to_dict(),
            "maps": [one.to_dict() for one in self.maps] or None,
        }
        return {**plain, **{name: value for name, value in further.items() if value is not None}}


@dataclass(frozen=True, slots=True)
class Comparison(Page):
    """The same text explained by several methods, which draw themselves side by side."""

    explanations: Sequence[Explanation]

    def to_dict(self) -> dict[str, Any]:
        """Return the documented JSON form: text and labels once, and the rest for each method."""
        shared = ("text", "label", "score", "labels", "truncated_at", "chosen")
        plain = [one.to_dict() for one in self.explanations]
        said = [{name: value for name, value in one.items() if name not in shared} for one in plain]
        return {**{name: plain[0][name] for name in shared if name in plain[0]}, "methods": said}
