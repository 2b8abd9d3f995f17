"""The requests of /predict and /explain: texts or rows, and the options of the command line."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import Request

from attnclf.data.cells import numbers_of
from attnclf.data.columns import composed
from attnclf.serve.refusals import Refusal

UNSUPPORTED = "the server does not do this; leave it out"
Row = dict[str, int | float | str | None]


class Input(BaseModel):
    """One text or row of numbers, or a list of them, and the name of a model."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str | None = Field(None, description="One text.", examples=["my parcel is late"])
    texts: list[str] | None = Field(None, description="Several texts, in place of `text`.")
    row: Row | None = Field(
        None, description="For a model of numeric columns: one row, in place of `text`.", examples=[{"age": 34}]
    )
    rows: list[Row] | None = Field(None, description="Several rows, in place of `text`.")
    model: str | None = Field(None, description="Name of the model; by default the first one served.")

    @model_validator(mode="after")
    def _one_of_four(self) -> "Input":
        if [self.text, self.texts, self.row, self.rows].count(None) != 3:
            raise ValueError("give either text or texts, or of numeric columns either row or rows")
        return self

    @property
    def is_single(self) -> bool:
        """Whether the reply is for one text, and not a list."""
        return self.texts is None and self.rows is None

    def all_texts(self, features: Sequence[str]) -> list[str]:
        """Return the texts of the request; `features` are the numeric columns of the model.

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

    top_k: int = Field(1, ge=1, description="Return the N best labels, the best first.")
    threshold: float | None = Field(
        None, ge=0, le=1, description="Minimum probability of a label (multi-label models)."
    )
    attention: bool = Field(False, description="Add the tokens and their weights.")

    @model_validator(mode="after")
    def _best_or_probable(self) -> "PredictOptions":
        if self.threshold is not None and self.top_k > 1:
            raise ValueError("top_k returns the best labels, however probable; leave out top_k or threshold")
        return self


class ExplainOptions(BaseModel):
    """The options of `attnclf explain`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    method: str | list[str] | None = Field(
        None, description="Method: attention (default), leave-one-out …, or auto. Several methods are compared."
    )
    compare: bool = Field(False, description="Compare methods side by side.")
    against: str | None = Field(None, description="Explain why the text got its label and not this one.")
    faithfulness: bool | None = Field(
        None, description="Measure how faithful each explanation is; by default for short texts."
    )
    map: bool | None = Field(None, description="Add the map of attention; by default for short texts.")
    layer: int | None = Field(None, description="Layer of the map, from 1; by default the last.")
    head: int | Literal["mean"] | None = Field(None, description="Head of the map, from 1; by default the mean.")


class StreamOptions(BaseModel):
    """How the server answers a stream of lines."""

    model_config = ConfigDict(extra="forbid", strict=True)

    count: bool = Field(False, description="End the answer with a line that counts the rows that were read.")
    wait: bool | None = Field(
        None,
        description="Start the reply when the upload is complete; by default only behind a proxy.",
    )


class PredictRequest(Input, PredictOptions):
    """Texts to label."""


class ExplainRequest(Input, ExplainOptions):
    """Texts to explain."""


M = TypeVar("M", bound=BaseModel)


def parse_body(kind: type[M], body: bytes | bytearray) -> M:
    """Return the JSON of a body as an object of this kind. Raises Refusal with the first mistake in it."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise Refusal(400, first_mistake(error, kind)) from None


def query_options(kind: type[M], request: Request) -> tuple[M, str | None, StreamOptions]:
    """Return the options, the model and the stream options in the query of a stream. Raises Refusal for wrong ones."""
    given = {name: request.query_params.getlist(name) for name in request.query_params}
    # Strings are read as what an option should be, one of each; only of methods there may be several.
    methods = given.pop("method", []) if "method" in kind.model_fields else []
    if several := next((name for name, values in given.items() if len(values) > 1), None):
        raise Refusal(400, f"{several} is given twice", fix="give it once")
    only = {name: values[0] for name, values in given.items()}
    name = only.pop("model", None)
    of_stream = {option: only.pop(option) for option in StreamOptions.model_fields if option in only}
    try:
        options, stream = kind.model_validate_strings(only), StreamOptions.model_validate_strings(of_stream)
    except ValidationError as error:
        raise Refusal(400, first_mistake(error)) from None
    return options.model_copy(update={"method": methods} if methods else {}), name, stream


def list_options(request: Request, *, lines: bool) -> StreamOptions:
    """Return the stream options of a request with a JSON body, whose query has no others.

    Raises Refusal for an option that belongs in the body.
    """
    given = dict(request.query_params)
    if misplaced := next((name for name in given if not lines or name not in StreamOptions.model_fields), None):
        raise Refusal(400, f"{misplaced}: options of a JSON body are read from the body", fix="move it there")
    try:
        return StreamOptions.model_validate_strings(given)
    except ValidationError as error:
        raise Refusal(400, first_mistake(error)) from None


def first_mistake(error: ValidationError, kind: type[BaseModel] | None = None) -> str:
    """Return the first mistake in one line; `kind` has the known fields."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"]))
    mistake = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        fields = kind.model_fields if kind is not None and len(first["loc"]) == 1 else ()
        mistake = f"there is no such field; use: {', '.join(fields)}" if fields else UNSUPPORTED
    return f"{field}: {mistake}" if field else mistake
