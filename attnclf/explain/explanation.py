"""An explanation as a value: a text, its prediction, and a weight for every word. Renderers draw it."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One displayed word: `text == original[start:end]` and the share of the weight that fell on it.

    `start` and `end` are character offsets into the original text. `weight` is non-negative and the weights of an
    explanation's words sum to 1 (attention on sub-word pieces is summed to words). `contribution` is what the word adds
    to the logit of the explained label by way of the model's n-grams, exactly; None for a model without n-grams.
    """

    text: str
    start: int
    end: int
    weight: float
    contribution: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the documented JSON form: text, start, end, weight, and contribution where there is one."""
        plain = {"text": self.text, "start": self.start, "end": self.end, "weight": self.weight}
        return plain if self.contribution is None else {**plain, "contribution": self.contribution}


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
        """Whether nothing asks: the columns are all there is to show."""
        return self.rows == (self.name,)

    def to_dict(self) -> dict[str, Any]:
        """Return the documented JSON form: name, rows, columns, weights, and layer and head where there are some."""
        plain = {"name": self.name, "rows": self.rows, "columns": self.columns, "weights": self.weights}
        return plain if self.layer is None else {**plain, "layer": self.layer, "head": self.head}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a text got its label: the prediction, its runners-up and the weight of every word.

    `label` is None for a text with nothing to classify (blank). `labels` holds every label with its probability,
    the best first; for a multi-label model `chosen` are those it gives the text, otherwise the one best label.
    `truncated_at` is the character offset after which the model read nothing, None when it read the whole text.
    `maps` are the weights behind the words, where they were asked for and the model has some.
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

    def to_dict(self) -> dict[str, Any]:
        """Return the documented JSON form: text, label, score, labels, method, tokens, and maps where there are any."""
        plain = {
            "text": self.text,
            "label": self.label,
            "score": self.score,
            "labels": [{"label": label, "score": score} for label, score in self.labels],
            "method": self.method,
            "tokens": [word.to_dict() for word in self.words],
            "truncated_at": self.truncated_at,
        }
        return {**plain, "maps": [one.to_dict() for one in self.maps]} if self.maps else plain
