"""The Open Inference Protocol, version 2, over REST: texts in as BYTES, labels out as BYTES, figures as FP32.

https://github.com/kserve/open-inference-protocol; tensors may also come and go as bytes behind the JSON, by its
extension for binary tensor data.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from fastapi import APIRouter, Depends
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, field_validator
from starlette.requests import Request
from starlette.responses import Response

from attnclf import __version__
from attnclf.data.label_cells import joined
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.prediction import Prediction
from attnclf.serve import documents
from attnclf.serve.cancellation import cancel_on_disconnect
from attnclf.serve.limits import body_of, check_texts
from attnclf.serve.models import BuildReply, Model
from attnclf.serve.refusals import Refusal
from attnclf.serve.replies import BINARY, as_json, json_reply
from attnclf.serve.requests import parse_body
from attnclf.serve.service import Service

HEADER = "Inference-Header-Content-Length"
CONTENT_TYPES = {"BYTES": "str", "FP32": "np"}  # what MLServer calls the encodings that these outputs have anyway
REMEDY = "leave the parameter out"
PLATFORM = "onnx_onnxv1"
TYPES: dict[str, Literal["TYPE_STRING", "TYPE_FP32"]] = {"BYTES": "TYPE_STRING", "FP32": "TYPE_FP32"}


class Parameters(BaseModel):
    """Parameters that are understood, or that change no answer. Any other one asks for what the server does not do."""

    model_config = ConfigDict(extra="forbid")


class RequestParameters(Parameters):
    """Parameters of a request."""

    threshold: float | None = Field(
        default=None,
        strict=True,
        description="Minimum probability of a label (multi-label models).",
        json_schema_extra={"minimum": 0, "maximum": 1},
    )
    binary_data_output: StrictBool = Field(default=False, description="Outputs go as bytes, unless one says otherwise.")
    content_type: Literal["str"] | None = Field(default=None, description="How texts are encoded: not at all.")
    priority: int | str | None = Field(default=None, description="Ignored: there is one queue.")
    timeout: int | str | None = Field(default=None, description="Ignored: the server has its own deadline.")

    @field_validator("threshold")
    @classmethod
    def _is_probability(cls, threshold: float | None) -> float | None:
        if threshold is not None and not 0 <= threshold <= 1:
            raise ValueError("threshold is a number from 0 to 1")
        return threshold


class InputParameters(Parameters):
    """Parameters of the input."""

    binary_data_size: StrictInt | None = Field(default=None, description="Bytes of the texts, behind the JSON.")
    content_type: Literal["str"] | None = Field(default=None, description="How texts are encoded: not at all.")


class OutputParameters(Parameters):
    """Parameters of a requested output."""

    binary_data: StrictBool | None = Field(default=None, description="The output goes as bytes behind the JSON.")
    content_type: Literal["str", "np"] | None = Field(default=None, description="`str` for labels, `np` for figures.")


class InputTensor(BaseModel):
    """A tensor of the request: `data` may be nested, or follow the JSON."""

    model_config = ConfigDict(extra="ignore")

    name: Literal["text"]
    shape: list[int] = Field(min_length=1, max_length=2)
    datatype: Literal["BYTES"]
    parameters: InputParameters = InputParameters()
    data: list[Any] | None = None


class RequestedOutput(BaseModel):
    """A tensor that is wanted."""

    model_config = ConfigDict(extra="ignore")

    name: str
    parameters: OutputParameters = OutputParameters()


class InferenceRequest(BaseModel):
    """Texts to label."""

    model_config = ConfigDict(extra="ignore")

    id: str | None = None
    parameters: RequestParameters = RequestParameters()
    inputs: list[InputTensor] = Field(min_length=1, max_length=1)
    outputs: list[RequestedOutput] | None = None


class BinaryData(BaseModel):
    """Where the data of an output are: behind the JSON."""

    binary_data_size: int


class OutputTensor(BaseModel):
    """A tensor of the reply: `data` row by row, or `parameters` where the data follow the JSON."""

    name: str
    shape: list[int]
    datatype: Literal["BYTES", "FP32"]
    data: list[str | float] | None = None
    parameters: BinaryData | None = None


class InferenceReply(BaseModel):
    """Labels, scores and what else was wanted; `id` is that of the request."""

    model_name: str
    model_version: str
    outputs: list[OutputTensor]
    id: str | None = None


class Server(BaseModel):
    """What the server is, and which extensions of the protocol it has."""

    name: str
    version: str
    extensions: list[str]


class Live(BaseModel):
    """That the server runs."""

    live: bool


class Ready(Live):
    """That the models are loaded; the specification's own text calls the field `live`."""

    ready: bool


class ModelReady(BaseModel):
    """That a model is loaded."""

    name: str
    ready: bool


class Tensor(BaseModel):
    """A tensor of a model; -1 stands for an axis that varies."""

    name: str
    datatype: Literal["BYTES", "FP32"]
    shape: list[int]


class Description(BaseModel):
    """A model and its tensors."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[Tensor]
    outputs: list[Tensor]


class ConfiguredTensor(BaseModel):
    """A tensor in the words of Triton's model configuration."""

    name: str
    data_type: Literal["TYPE_STRING", "TYPE_FP32"]
    dims: list[int]


class Configuration(BaseModel):
    """A model in the words of Triton's model configuration.

    `max_batch_size` 0 means that the first axis is one of the model: a request has as many texts as it likes.
    """

    name: str
    platform: str
    max_batch_size: int
    input: list[ConfiguredTensor]
    output: list[ConfiguredTensor]


class Output(NamedTuple):
    """A row of the table of outputs: the axes after the first, -1 for one that varies."""

    datatype: Literal["BYTES", "FP32"]
    axes: tuple[int, ...]


def outputs_of(classifier: Classifier) -> dict[str, Output]:
    """Return the tensors that a model gives."""
    several = {"labels": Output("BYTES", ())} if classifier.multi_label else {}
    return {
        "label": Output("BYTES", ()),
        **several,
        "score": Output("FP32", ()),
        "probabilities": Output("FP32", (len(classifier.labels),)),
        "attention": Output("FP32", (-1,)),
    }


async def infer(request: Request, service: Service, model: Model) -> Response:
    """Answer an inference request. Raises Refusal for one that makes no sense."""
    body = await body_of(request, service.limits, service.bodies)
    try:
        asked, texts = _read(body, request.headers.get(HEADER))
        check_texts(texts, service.limits)
        known = outputs_of(model.loaded.classifier)
        for output in asked.outputs or ():
            if output.name not in known:
                raise Refusal(400, f"there is no output {output.name!r}", fix=f"use: {', '.join(known)}")
            if output.parameters.content_type not in (None, CONTENT_TYPES[known[output.name].datatype]):
                raise Refusal(400, f"{output.name} cannot go as {output.parameters.content_type!r}", fix=REMEDY)
        answer = model.predict(texts, asked.parameters.threshold, _reply(model, asked))
        return await cancel_on_disconnect(request.receive, answer, service.limits.deadline)
    finally:
        service.bodies.release(len(body))


def _read(body: bytes | bytearray, json_length: str | None) -> tuple[InferenceRequest, list[str]]:
    if json_length == "0":
        raise Refusal(400, "the request has no JSON, and raw texts are not read", fix="send the texts in a request")
    if json_length is None:
        binary, json = b"", body
    elif json_length.isdecimal() and int(json_length) <= len(body):
        json, binary = body[: int(json_length)], bytes(body[int(json_length) :])
    else:
        raise Refusal(400, f"{HEADER} is no length of the body")
    asked = parse_body(InferenceRequest, json)
    given = asked.inputs[0]
    size = given.parameters.binary_data_size
    if size is not None or binary:
        if size != len(binary):
            said = "missing" if size is None else size
            raise Refusal(400, f"binary_data_size is {said}, and {len(binary)} bytes follow the JSON")
        if given.data is not None:
            raise Refusal(400, "text has data within the JSON and behind it", fix="send one of both")
        texts = list(_unpacked(binary))
    else:
        texts = list(_flat(given.data or []))
    if len(texts) != np.prod(given.shape, dtype=object):
        raise Refusal(400, f"the shape of text is {given.shape}, and there are {len(texts)} texts")
    return asked, texts


def _flat(data: Sequence[Any], depth: int = 0) -> Iterator[str]:
    for element in data:
        if isinstance(element, str):
            yield element
        elif isinstance(element, list) and depth == 0:
            yield from _flat(element, 1)
        else:
            raise Refusal(400, "the data of text are strings")


def _unpacked(binary: bytes) -> Iterator[str]:
    """Yield texts, each after its length in four bytes, the least significant first."""
    begin = 0
    try:
        while begin < len(binary):
            (length,) = struct.unpack_from("<I", binary, begin)
            begin += 4 + length
            if begin > len(binary):
                raise struct.error
            yield binary[begin - length : begin].decode()
    except struct.error:
        raise Refusal(400, "the binary data of text end within a text") from None
    except UnicodeDecodeError:
        raise Refusal(400, "a text is not valid UTF-8") from None


def _reply(model: Model, asked: InferenceRequest) -> BuildReply:
    """Return what makes the reply of predictions."""

    def made(classifier: Classifier, texts: Sequence[str], predictions: list[Prediction]) -> Response:
        known = outputs_of(classifier)
        wanted = asked.outputs or [RequestedOutput(name=name) for name in known]
        described, binary = [], []
        for output in wanted:
            values = _tensor(output.name, classifier, predictions)
            tensor: dict[str, Any] = {
                "name": output.name,
                "shape": list(values.shape),
                "datatype": known[output.name].datatype,
            }
            is_binary = output.parameters.binary_data
            if asked.parameters.binary_data_output if is_binary is None else is_binary:
                binary.append(_packed(values))
                tensor["parameters"] = {"binary_data_size": len(binary[-1])}
            else:
                tensor["data"] = values.ravel().tolist()
            described.append(tensor)
        reply = {"model_name": model.name, "model_version": model.loaded.version, "outputs": described}
        if asked.id is not None:
            reply["id"] = asked.id
        if not binary:
            return json_reply(reply)
        head = as_json(reply)
        return Response(b"".join([head, *binary]), headers={HEADER: str(len(head))}, media_type=BINARY)

    return made


def _tensor(name: str, classifier: Classifier, predictions: Sequence[Prediction]) -> NDArray[Any]:
    """Return an output of predictions; a blank text has the label "" with the score 0."""
    if name == "label":
        return np.array([prediction.label or "" for prediction in predictions], dtype=object)
    if name == "labels":
        return np.array([joined(prediction.chosen) for prediction in predictions], dtype=object)
    if name == "score":
        return np.array([prediction.score or 0.0 for prediction in predictions], dtype=np.float32)
    if name == "probabilities":
        rows = [prediction.probabilities for prediction in predictions]
        return np.stack(rows) if rows else np.empty((0, len(classifier.labels)), np.float32)
    weights = np.zeros((len(predictions), max([len(one.attention) for one in predictions], default=0)), np.float32)
    for row, prediction in zip(weights, predictions, strict=True):
        row[: len(prediction.attention)] = prediction.attention
    return weights


def _packed(values: NDArray[Any]) -> bytes:
    if values.dtype != object:
        return values.astype("<f4").tobytes()
    texts = [text.encode() for text in values.tolist()]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def described(model: Model) -> Description:
    """Return what describes a model and its tensors."""
    outputs = outputs_of(model.loaded.classifier).items()
    return Description(
        name=model.name,
        versions=[model.loaded.version],
        platform=PLATFORM,
        inputs=[Tensor(name="text", datatype="BYTES", shape=[-1])],
        outputs=[Tensor(name=name, datatype=row.datatype, shape=[-1, *row.axes]) for name, row in outputs],
    )


def configured(model: Model) -> Configuration:
    """Return the same in the words of Triton's model configuration, which some clients ask for before they begin."""
    known = described(model)
    inputs, outputs = (
        [ConfiguredTensor(name=one.name, data_type=TYPES[one.datatype], dims=one.shape) for one in tensors]
        for tensors in (known.inputs, known.outputs)
    )
    return Configuration(name=model.name, platform=PLATFORM, max_batch_size=0, input=inputs, output=outputs)


def router(service: Service) -> APIRouter:
    """Return the routes of the protocol."""
    routes = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

    async def newest(name: str) -> Model:
        return service.models.get(name)

    async def of_version(name: str, version: str) -> Model:
        model = service.models.get(name)
        if version != model.loaded.version:
            raise Refusal(404, f"{name} is served in version {model.loaded.version} only")
        return model

    @routes.get("", responses=documents.problems(401, 403, 503))
    async def server() -> Server:
        """Describe the server."""
        return Server(name="attnclf", version=__version__, extensions=["binary_tensor_data", "model_configuration"])

    @routes.get("/health/live", responses=documents.problems(403, 503))
    async def live() -> Live:
        """Tell that the server runs."""
        return Live(live=True)

    @routes.get("/health/ready", responses=documents.problems(403, 503))
    async def ready() -> Ready:
        """Tell that the models are loaded."""
        return Ready(live=True, ready=True)

    for path, model_of in (("/models/{name}", newest), ("/models/{name}/versions/{version}", of_version)):
        Asked = Annotated[Model, Depends(model_of)]  # noqa: N806  # a type

        @routes.get(path, responses=documents.problems(401, 403, 404, 503))
        async def description(model: Asked) -> Description:
            """Describe a model and its tensors."""
            return described(model)

        @routes.get(f"{path}/config", responses=documents.problems(401, 403, 404, 503))
        async def configuration(model: Asked) -> Configuration:
            """Describe a model and its tensors in the words of Triton's model configuration."""
            return configured(model)

        @routes.get(f"{path}/ready", responses=documents.problems(401, 403, 404, 503))
        async def model_ready(model: Asked) -> ModelReady:
            """Tell that a model is ready."""
            return ModelReady(name=model.name, ready=True)

        @routes.post(
            f"{path}/infer",
            openapi_extra=documents.body(InferenceRequest, BINARY),
            responses=documents.replies(InferenceReply, other=BINARY),
        )
        async def inferred(request: Request, model: Asked) -> Response:
            """Label texts."""
            return await infer(request, service, model)

    return routes
