"""What a client may send to /predict and /explain: the options of the command line."""

from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import Request

from attnclf.serve.refusals import Refusal


class Ask(BaseModel):
    """One text, or a list of texts, and the name of a model; without, the first one that is served."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str | None = Field(None, description="One text.", examples=["my parcel is late"])
    texts: list[str] | None = Field(None, description="Several texts, in place of `text`.")
    model: str | None = Field(None, description="Name of the model; by default the first one served.")

    @model_validator(mode="after")
    def _one_of_both(self) -> "Ask":
        if (self.text is None) == (self.texts is None):
            raise ValueError("give either text or texts")
        return self

    @property
    def all(self) -> list[str]:
        """The texts, one or several."""
        return self.texts if self.texts is not None else [self.text or ""]


class PredictOptions(BaseModel):
    """The options of `attnclf predict`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    top_k: int = Field(1, ge=1, description="Show so many labels, the best first.")
    threshold: float | None = Field(None, ge=0, le=1, description="Least probability of a label (several labels).")
    attention: bool = Field(False, description="Add units and their weights.")

    @model_validator(mode="after")
    def _best_or_probable(self) -> "PredictOptions":
        if self.threshold is not None and self.top_k > 1:
            raise ValueError("top_k shows the best labels, however probable; leave out top_k or threshold")
        return self


class ExplainOptions(BaseModel):
    """The options of `attnclf explain`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    method: str | list[str] | None = Field(
        None, description="How words are weighed: attention (default), leave-one-out …, or auto. Several are compared."
    )
    compare: bool = Field(False, description="Several methods side by side.")
    against: str | None = Field(None, description="Why the label and not this one?")
    faithfulness: bool | None = Field(
        None, description="Measure what each explanation is worth; by default of short texts."
    )
    map: bool | None = Field(None, description="Add the map of attention; by default of short texts.")
    layer: int | None = Field(None, description="Layer on the map, from 1; by default the last.")
    head: int | Literal["mean"] | None = Field(None, description="Head on the map; by default the mean.")


class PredictRequest(Ask, PredictOptions):
    """Texts to label."""


class ExplainRequest(Ask, ExplainOptions):
    """Texts to explain."""


class Scored(BaseModel):
    """A label with its probability."""

    label: str
    score: float


class Record(BaseModel):
    """What is said of a text; a blank one has neither label nor score."""

    label: str | None
    score: float | None
    labels: list[Scored] | None = None
    tokens: list[str] | None = None
    weights: list[float] | None = None


class Records(BaseModel):
    """What is said of a list of texts, in its order."""

    predictions: list[Record]


class Word(BaseModel):
    """A word with its place in the text and its weight."""

    text: str
    start: int
    end: int
    weight: float


class Explanation(BaseModel):
    """An explanation as `attnclf explain --format json` prints it; of several methods, `methods` has one for each."""

    text: str
    label: str | None
    score: float | None
    labels: list[Scored]
    truncated_at: int | None
    method: str | None = None
    tokens: list[Word] | None = None
    methods: list[dict[str, object]] | None = None


class Explanations(BaseModel):
    """Explanations of a list of texts, in its order."""

    explanations: list[Explanation]


M = TypeVar("M", bound=BaseModel)


def read_as(kind: type[M], body: bytes | bytearray) -> M:
    """Return a body of JSON as what it should be. Raises Refusal with the first thing that is wrong with it."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise Refusal(400, explained(error)) from None


def options_of(kind: type[M], request: Request) -> tuple[M, str | None]:
    """Return the options and the model that the address of a stream names. Raises Refusal for wrong ones."""
    given = {name: request.query_params.getlist(name) for name in request.query_params}
    # Strings are read as what an option should be, one of each; only of methods there may be several.
    methods = given.pop("method", []) if "method" in kind.model_fields else []
    if several := next((name for name, values in given.items() if len(values) > 1), None):
        raise Refusal(400, f"{several}: it stands there twice")
    only = {name: values[0] for name, values in given.items()}
    name = only.pop("model", None)
    try:
        options = kind.model_validate_strings(only)
    except ValidationError as error:
        raise Refusal(400, explained(error)) from None
    return options.model_copy(update={"method": methods} if methods else {}), name


def explained(error: ValidationError) -> str:
    """Say in one line what is wrong first."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    said = first["msg"].removeprefix("Value error, ")
    return f"{place}: {said}" if place else said
