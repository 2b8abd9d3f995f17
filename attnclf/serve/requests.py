"""What a client may send to /predict and /explain: the options of the command line."""

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

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

    top_k: int = Field(1, ge=1, description="Show so many labels, the best first.")
    threshold: float | None = Field(None, ge=0, le=1, description="Least probability of a label (several labels).")
    attention: bool = Field(False, description="Add units and their weights.")


class ExplainOptions(BaseModel):
    """The options of `attnclf explain`."""

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


M = TypeVar("M", bound=BaseModel)


def read_as(kind: type[M], body: bytes | bytearray) -> M:
    """Return a body of JSON as what it should be. Raises Refusal with the first thing that is wrong with it."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise Refusal(400, explained(error)) from None


def explained(error: ValidationError) -> str:
    """Say in one line what is wrong first."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    said = first["msg"].removeprefix("Value error, ")
    return f"{place}: {said}" if place else said
