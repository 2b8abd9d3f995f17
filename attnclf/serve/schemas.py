"""The objects in the replies of the server: OpenAPI describes them, and a test holds the replies to them."""

from typing import Literal

from pydantic import BaseModel, Field


class Score(BaseModel):
    """A label with its probability, from 0 to 1."""

    label: str
    score: float


class Record(BaseModel):
    """The labels of a text; a blank text has neither label nor score."""

    label: str | None
    score: float | None
    labels: list[Score] | None = Field(None, description="With `top_k`, or of a model with several labels a text.")
    tokens: list[str] | None = Field(None, description="With `attention`: the tokens that the model read.")
    weights: list[float] | None = Field(None, description="With `attention`: the weight of each token.")


class Records(BaseModel):
    """The labels of a list of texts, in its order."""

    predictions: list[Record]


class Word(BaseModel):
    """A word, its offsets in the text in characters, and its weight.

    `error` is the standard error of a weight that was sampled. `contribution` is the share of the weight in the label.
    """

    text: str
    start: int
    end: int
    weight: float
    error: float | None = None
    contribution: float | None = None


class Removal(BaseModel):
    """The fall of the probability without the top words (comprehensiveness), and with them alone (sufficiency)."""

    comprehensiveness: float
    sufficiency: float


class MeasuredRemoval(Removal):
    """The figures of an explanation, and their means over random words."""

    random: Removal


class Faithfulness(BaseModel):
    """How faithful an explanation is: its verdict, and the figures by two ways to remove words.

    `gain` is its score less the mean of random words, `deviation` the standard deviation of random words.
    """

    verdict: Literal["faithful", "weak", "no better than chance", "too short to tell"]
    gain: float
    deviation: float
    delete: MeasuredRemoval
    mask: MeasuredRemoval


class AttentionMap(BaseModel):
    """Weights in two dimensions: `weights[row][column]`, with what rows and columns stand for."""

    name: str
    rows: list[str]
    columns: list[str]
    weights: list[list[float]]
    layer: int | None = None
    head: int | Literal["mean"] | None = None


class MethodExplanation(BaseModel):
    """The words of a text by one method.

    `against` is the label that the label is compared with. `gap` is what the weights miss of the sum that the method
    promises.
    """

    method: str
    tokens: list[Word]
    against: str | None = None
    gap: float | None = None
    faithfulness: Faithfulness | None = None
    maps: list[AttentionMap] | None = None


class ExplainedText(BaseModel):
    """A text and its labels, the best first; `truncated_at` is the offset after which the model read nothing.

    `chosen` has the labels that the text gets, where that is not just the best one.
    """

    text: str
    label: str | None
    score: float | None
    labels: list[Score]
    truncated_at: int | None
    chosen: list[str] | None = None


class Explanation(ExplainedText, MethodExplanation):
    """An explanation as `attnclf explain --format json` prints it."""


class Comparison(ExplainedText):
    """Several methods side by side, as `attnclf explain --compare --format json` prints them."""

    methods: list[MethodExplanation]


class Explanations(BaseModel):
    """Explanations of a list of texts, in its order."""

    explanations: list[Explanation | Comparison]


class ModelLabels(BaseModel):
    """A model that is served: its labels, the methods that explain it, and the `best` of these."""

    labels: list[str]
    task: Literal["single-label", "multi-label"]
    default: bool
    methods: list[str]
    best: str
    version: str


class Labels(BaseModel):
    """The models by name."""

    models: dict[str, ModelLabels]


class Health(BaseModel):
    """How the server is."""

    status: Literal["alive", "ready"]


class Problem(BaseModel):
    """One line with what is wrong and the remedy."""

    error: str
