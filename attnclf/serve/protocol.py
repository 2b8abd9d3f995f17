"""The Open Inference Protocol, version 2, over REST: texts in as BYTES, labels out as BYTES, figures as FP32.

https://github.com/kserve/open-inference-protocol; tensors may also come and go as bytes behind the JSON, by its
extension for binary tensor data.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from attnclf import __version__
from attnclf.runtime.classifier import Classifier, Prediction
from attnclf.serve import documents
from attnclf.serve.attending import attended
from attnclf.serve.limits import body_of, check_texts
from attnclf.serve.models import Model, Rendered
from attnclf.serve.refusals import Refusal
from attnclf.serve.replies import as_json, json_reply
from attnclf.serve.requests import read_as
from attnclf.serve.service import Service

HEADER = "Inference-Header-Content-Length"
SEPARATOR = "|"  # between several labels, as in `predict --format tsv`
Parameters = dict[str, str | int | float | bool]


class InputTensor(BaseModel):
    """A tensor of the request: `data` may be nested, or stand behind the JSON."""

    model_config = ConfigDict(extra="ignore")

    name: Literal["text"]
    shape: list[int] = Field(min_length=1, max_length=2)
    datatype: Literal["BYTES"]
    parameters: Parameters = {}
    data: list[Any] | None = None


class RequestedOutput(BaseModel):
    """A tensor that is wanted."""

    model_config = ConfigDict(extra="ignore")

    name: str
    parameters: Parameters = {}


class InferenceRequest(BaseModel):
    """Texts to label."""

    model_config = ConfigDict(extra="ignore")

    id: str | None = None
    parameters: Parameters = Field({}, description="`threshold`: least probability of a label (several labels).")
    inputs: list[InputTensor] = Field(min_length=1, max_length=1)
    outputs: list[RequestedOutput] | None = None


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
        threshold = asked.parameters.get("threshold")
        if threshold is not None and not (isinstance(threshold, int | float) and 0 <= threshold <= 1):
            raise Refusal(400, "threshold is a number from 0 to 1")
        known = outputs_of(model.loaded.classifier)
        for output in asked.outputs or ():
            if output.name not in known:
                raise Refusal(400, f"there is no output {output.name!r}", fix=f"use: {', '.join(known)}")
        answer = model.predict(texts, threshold, _reply(model, asked))
        return await attended(request.receive, answer, service.limits.deadline)
    finally:
        service.bodies.give_back(len(body))


def _read(body: bytes | bytearray, json_length: str | None) -> tuple[InferenceRequest, list[str]]:
    if json_length is None:
        binary, json = b"", body
    elif json_length.isdecimal() and int(json_length) <= len(body):
        json, binary = body[: int(json_length)], bytes(body[int(json_length) :])
    else:
        raise Refusal(400, f"{HEADER} is no length of the body")
    asked = read_as(InferenceRequest, json)
    given = asked.inputs[0]
    size = given.parameters.get("binary_data_size")
    if size is not None:
        if size != len(binary):
            raise Refusal(400, f"binary_data_size is {size}, and {len(binary)} bytes follow the JSON")
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


def _reply(model: Model, asked: InferenceRequest) -> Rendered:
    """Return what makes the reply of predictions."""

    def made(classifier: Classifier, texts: Sequence[str], predictions: list[Prediction]) -> Response:
        known = outputs_of(classifier)
        wanted = asked.outputs or [
            RequestedOutput(
                name=name, parameters={"binary_data": bool(asked.parameters.get("binary_data_output", False))}
            )
            for name in known
        ]
        described, binary = [], []
        for output in wanted:
            values = _tensor(output.name, classifier, predictions)
            tensor: dict[str, Any] = {
                "name": output.name,
                "shape": list(values.shape),
                "datatype": known[output.name].datatype,
            }
            if output.parameters.get("binary_data"):
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
        return Response(
            b"".join([head, *binary]), headers={HEADER: str(len(head))}, media_type="application/octet-stream"
        )

    return made


def _tensor(name: str, classifier: Classifier, predictions: Sequence[Prediction]) -> NDArray[Any]:
    """Return an output of predictions; a blank text has the label "" with the score 0."""
    if name == "label":
        return np.array([prediction.label or "" for prediction in predictions], dtype=object)
    if name == "labels":
        return np.array([SEPARATOR.join(prediction.chosen) for prediction in predictions], dtype=object)
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


def router(service: Service) -> APIRouter:
    """Return the routes of the protocol."""
    routes = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

    def found(name: str, version: str | None) -> Model:
        model = service.models.get(name)
        if version not in (None, model.loaded.version):
            raise Refusal(404, f"{name} is served in version {model.loaded.version} only")
        return model

    @routes.get("")
    async def server() -> dict[str, Any]:
        """Describe the server."""
        return {"name": "attnclf", "version": __version__, "extensions": ["binary_tensor_data"]}

    @routes.get("/health/live")
    async def live() -> dict[str, bool]:
        """Tell that the server runs."""
        return {"live": True}

    @routes.get("/health/ready")
    async def ready() -> dict[str, bool]:
        """Tell that the models are loaded; the specification's own text calls the field `live`."""
        return {"ready": True, "live": True}

    for path in ("/models/{name}", "/models/{name}/versions/{version}"):

        @routes.get(path)
        async def described(name: str, version: str | None = None) -> dict[str, Any]:
            """Describe a model and its tensors."""
            model = found(name, version)
            return {
                "name": name,
                "versions": [model.loaded.version],
                "platform": "onnx_onnxv1",
                "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
                "outputs": [
                    {"name": output, "datatype": row.datatype, "shape": [-1, *row.axes]}
                    for output, row in outputs_of(model.loaded.classifier).items()
                ],
            }

        @routes.get(f"{path}/ready")
        async def model_ready(name: str, version: str | None = None) -> dict[str, Any]:
            """Tell that a model is ready."""
            found(name, version)
            return {"name": name, "ready": True}

        @routes.post(
            f"{path}/infer",
            openapi_extra=documents.body(InferenceRequest),
            response_class=Response,
        )
        async def inferred(request: Request, name: str, version: str | None = None) -> Response:
            """Label texts."""
            return await infer(request, service, found(name, version))

    return routes
