"""What a client may send to /predict and /explain: the options of the command line."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import Request

from attnclf.data.cells import numbers_of
from attnclf.data.columns import composed
from attnclf.serve.refusals import Refusal

UNSUPPORTED = "the server does not do this; leave it out"
Numbers = dict[str, int | float | str | None]


class Ask(BaseModel):
    """One text or row of numbers, or a list of them, and the name of a model; without, the first one that is served."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str | None = Field(None, description="One text.", examples=["my parcel is late"])
    texts: list[str] | None = Field(None, description="Several texts, in place of `text`.")
    row: Numbers | None = Field(
        None, description="For a model of numeric columns: one row, in place of `text`.", examples=[{"age": 34}]
    )
    rows: list[Numbers] | None = Field(None, description="Several rows, in place of `text`.")
    model: str | None = Field(None, description="Name of the model; by default the first one served.")

    @model_validator(mode="after")
    def _one_of_four(self) -> "Ask":
        if [self.text, self.texts, self.row, self.rows].count(None) != 3:
            raise ValueError("give either text or texts, or of numeric columns either row or rows")
        return self

    @property
    def is_single(self) -> bool:
        """Whether the answer is that of one text, and not a list."""
        return self.texts is None and self.rows is None

    def all(self, features: Sequence[str]) -> list[str]:
        """Return the texts, one or several; `features` are the numeric columns of the model.

        Raises Refusal for rows that are not of these columns.
        """
        if self.texts is not None:
            return self.texts
        if self.text is not None:
            return [self.text]
        rows = self.rows if self.rows is not None else [self.row or {}]
        if not features:
            raise Refusal(400, "this model reads text, not rows of numbers", fix="send text or texts")
        try:
            return [text_of_row(row, features) for row in rows]
        except ValueError as error:
            raise Refusal(400, str(error)) from None


def text_of_row(row: Mapping[str, object], features: Sequence[str]) -> str:
    """Return the text that stands for a row of a model of numeric columns. Raises ValueError for any other row."""
    given = {composed(name): name for name in row}
    try:
        return numbers_of(row, {name: given.get(composed(name), name) for name in features})
    except ValueError as error:
        form = ", ".join(f'"{name}": NUMBER' for name in features)
        raise ValueError(f"{str(error)[:200]}; a row of this model is {{{form}}}") from None


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


class StreamOptions(BaseModel):
    """How a stream of lines is answered."""

    model_config = ConfigDict(extra="forbid", strict=True)

    count: bool = Field(False, description="End the answer with a line that counts the rows that were read.")
    wait: bool | None = Field(
        None,
        description="Begin the answer when the upload is complete; by default for what came through a proxy.",
    )


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


class ModelLabels(BaseModel):
    """A model that is served: its labels, the methods that explain it, and the `best` of these."""

    labels: list[str]
    task: str
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


M = TypeVar("M", bound=BaseModel)


def read_as(kind: type[M], body: bytes | bytearray) -> M:
    """Return a body of JSON as what it should be. Raises Refusal with the first thing that is wrong with it."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise Refusal(400, explained(error, kind)) from None


def options_of(kind: type[M], request: Request) -> tuple[M, str | None, StreamOptions]:
    """Return the options and the model that the address of a stream names. Raises Refusal for wrong ones."""
    given = {name: request.query_params.getlist(name) for name in request.query_params}
    # Strings are read as what an option should be, one of each; only of methods there may be several.
    methods = given.pop("method", []) if "method" in kind.model_fields else []
    if several := next((name for name, values in given.items() if len(values) > 1), None):
        raise Refusal(400, f"{several}: it stands there twice")
    only = {name: values[0] for name, values in given.items()}
    name = only.pop("model", None)
    of_stream = {option: only.pop(option) for option in StreamOptions.model_fields if option in only}
    try:
        options, stream = kind.model_validate_strings(only), StreamOptions.model_validate_strings(of_stream)
    except ValidationError as error:
        raise Refusal(400, explained(error)) from None
    return options.model_copy(update={"method": methods} if methods else {}), name, stream


def options_of_list(request: Request, *, lines: bool) -> StreamOptions:
    """Return what the address says of the answer to a JSON body: nothing, or how its `lines` end.

    Raises Refusal for an option that belongs in the body.
    """
    given = dict(request.query_params)
    if misplaced := next((name for name in given if not lines or name not in StreamOptions.model_fields), None):
        raise Refusal(400, f"{misplaced}: options of a JSON body are read from the body", fix="move it there")
    try:
        return StreamOptions.model_validate_strings(given)
    except ValidationError as error:
        raise Refusal(400, explained(error)) from None


def explained(error: ValidationError, kind: type[BaseModel] | None = None) -> str:
    """Say in one line what is wrong first; `kind` is what the fields should be of."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    said = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        fields = kind.model_fields if kind is not None and len(first["loc"]) == 1 else ()
        said = f"there is no such field; use: {', '.join(fields)}" if fields else UNSUPPORTED
    return f"{place}: {said}" if place else said
