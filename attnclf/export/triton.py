"""A model for NVIDIA's Triton Inference Server: its folder in a model repository, and what a client sends.

Triton runs the network and no tokenizer, so the client turns texts into arrays. It puts requests of equal shape into
one batch (its dynamic batching); so shapes are rounded up, and there are few of them.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from attnclf.atomic import atomic_folder, refuse_lost
from attnclf.bundle import Precision
from attnclf.errors import ConfigError, DataError, ExportError
from attnclf.runtime.backend import Device
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.onnxruntime_backend import CPU, open_backend
from attnclf.runtime.samples import made_for
from attnclf.text.char_ngrams import in_batch, ngram_slots
from attnclf.text.numbers import NumberReader
from attnclf.text.tokenizer import Tokenizer

LABELS, CONFIG, NETWORK = "labels.txt", "config.pbtxt", "model.onnx"
VERSION = "1"
KINDS: dict[Device, str] = {"auto": "KIND_AUTO", "cpu": "KIND_CPU", "cuda": "KIND_GPU"}
TYPES = {"tensor(int64)": "TYPE_INT64", "tensor(int32)": "TYPE_INT32", "tensor(float)": "TYPE_FP32"}
DELAY = 100  # microseconds that a request waits for others to share its batch
SMALLEST, GRAMS = 8, 64  # to which units and words, and n-grams, are rounded up; beyond, to powers of two
TRIED = 64  # made-up texts on which the written network is compared with the model
# Between two probabilities. In int8 the other texts of a batch change the probabilities of a text.
TOLERANCE: dict[Precision, float] = {"fp32": 1e-4, "fp16": 1e-2, "int8": 0.05}


def write_model(
    folder: Path,
    out: Path,
    *,
    precision: Precision = "fp32",
    device: Device = "auto",
    instances: int = 1,
    batch_size: int = 64,
) -> None:
    """Write a model folder as `out`, a folder of a Triton model repository whose name is the model's there.

    It has `config.pbtxt`, `labels.txt` and `1/model.onnx`. `instances` run on each device of the kind, with batches of
    at most `batch_size` rows. The network is run before anything is written. Raises ConfigError for a name that Triton
    cannot have or that is taken, ExportError when the network does not answer as the model does.
    """
    if not re.fullmatch(r"[\w.-]+", out.name, flags=re.ASCII):
        raise ConfigError(
            f"{out.name!r} cannot be the name of a model in Triton", fix="use letters, digits, -, _ and ."
        )
    refuse_lost(out, option="--to")
    if out.exists():
        raise ConfigError(f"{out} exists", fix="pass another --to, or delete it")
    if precision == "int8" and device == "cuda":
        raise ConfigError("int8 runs on the CPU only", fix="leave --device out, or pass --precision fp16")
    classifier = Classifier.load(folder, device="cpu", precision=precision)
    if any("\n" in label or "\r" in label for label in classifier.labels):
        raise ExportError("a label of this model has a line break, and Triton reads labels as lines", fix="rename it")
    try:
        with atomic_folder(out, replace=False) as temporary:
            network = temporary / VERSION / NETWORK
            network.parent.mkdir()
            _write_network(classifier, classifier.bundle.network(precision), network)
            _compare(classifier, network, precision)
            given, answered = _described(network)
            text = config(out.name, given, answered, kind=KINDS[device], instances=instances, batch_size=batch_size)
            (temporary / CONFIG).write_text(text, encoding="utf-8")
            (temporary / LABELS).write_text("".join(f"{label}\n" for label in classifier.labels), encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot write {out}: {error.strerror}", fix="pass another --to") from error


def config(
    name: str, inputs: Sequence[str], outputs: Sequence[str], *, kind: str, instances: int, batch_size: int
) -> str:
    """Return the text of `config.pbtxt`, by the schema `model_config.proto` of Triton."""
    return f"""\
name: "{name}"
backend: "onnxruntime"
max_batch_size: {batch_size}
input [
{_listed(inputs)}
]
output [
{_listed(outputs)}
]
dynamic_batching {{ max_queue_delay_microseconds: {DELAY} }}
instance_group [ {{ kind: {kind}, count: {instances} }} ]
parameters {{ key: "intra_op_thread_count" value: {{ string_value: "1" }} }}
"""


def inputs(reader: Tokenizer | NumberReader, texts: Sequence[str], *, char_ngrams: bool) -> dict[str, NDArray[Any]]:
    """Return what the network of `write_model` takes for texts, by the names of its inputs.

    `ids` int64 (batch, time), `lengths` int32 (batch, 1), and with `char_ngrams` the n-grams of each row's unknown
    words, `spellings` int64 (batch, words, n-grams); or `numbers` float32 (batch, columns) and `lengths`. Sizes
    that vary are rounded up. A blank text is one unknown word.
    """
    unknown: dict[str, int] = {}
    if isinstance(reader, Tokenizer) and char_ngrams:
        tokens = reader.encode_with_unknown(texts, unknown)
    else:
        tokens = reader.encode(texts)
    ids, lengths = tokens.filled(reader.blank).padded(np.arange(len(texts)))
    given: dict[str, NDArray[Any]] = {"lengths": lengths[:, None].astype(np.int32)}
    if isinstance(reader, NumberReader):
        return {"numbers": ids, **given}
    if char_ngrams:
        rows = [in_batch(row, reader.size) for row in ids]
        table = ngram_slots(list(unknown))
        ids = np.stack([row for row, _ in rows])
        words = np.zeros((len(rows), max(len(used) for _, used in rows), table.shape[1]), np.int64)
        for row, (_, used) in zip(words, rows, strict=True):
            row[: len(used)] = table[used]
        given["spellings"] = _widened(words, SMALLEST, GRAMS)
    return {"ids": _widened(ids, SMALLEST), **given}


def _widened(array: NDArray[np.int64], *least: int) -> NDArray[np.int64]:
    """Return the array with each axis but the first filled up with zeros, to a power of two and to its least size."""
    sizes = [max(floor, 1 << (size - 1).bit_length()) for size, floor in zip(array.shape[1:], least, strict=True)]
    return np.pad(array, [(0, 0), *((0, size - old) for size, old in zip(sizes, array.shape[1:], strict=True))])


def _write_network(classifier: Classifier, network: Path, out: Path) -> None:
    import onnx

    from attnclf.export import graphs
    from attnclf.export.rowwise import rowwise

    model = onnx.load(network)
    graphs.write(rowwise(model, classifier.tokenizer.size) if classifier.backend.reads_ngrams else model, out)


def _compare(classifier: Classifier, network: Path, precision: Precision) -> None:
    """Raise ExportError unless the network gives the probabilities of the model for texts in one request."""
    texts = [*made_for(classifier, TRIED), ""]
    given = inputs(classifier.tokenizer, texts, char_ngrams=classifier.backend.reads_ngrams)
    first = given["numbers" if classifier.bundle.columns else "ids"]
    session = open_backend(network, device="cpu")
    answer = session.run(first, given["lengths"][:, 0], given.get("spellings"))
    difference = float(np.abs(answer.probabilities - classifier.predict_proba(texts)).max())
    if not difference <= TOLERANCE[precision]:  # NaN is no agreement
        raise ExportError(
            f"the network for Triton differs by {difference:.2g} from the model, and nothing was written",
            fix="please report this",
        )


def _described(network: Path) -> tuple[list[str], list[str]]:
    """Return the inputs and the outputs of a network as Triton's configuration writes them, where batches are implied.

    An output without a batch axis is left out: Triton could not assign it to a request.
    """
    session = onnxruntime.InferenceSession(network.read_bytes(), providers=[CPU])
    given = [_tensor(value) for value in session.get_inputs()]
    answered = [
        _tensor(value, f', label_filename: "{LABELS}"' if value.name == "probabilities" else "")
        for value in session.get_outputs()
        if value.shape[0] == "batch"
    ]
    return given, answered


def _listed(tensors: Sequence[str]) -> str:
    return ",\n".join(f"  {{ {tensor} }}" for tensor in tensors)


def _tensor(value: Any, more: str = "") -> str:
    sizes = [str(size if isinstance(size, int) else -1) for size in value.shape[1:]]
    if not sizes:  # one number a row: Triton wants an axis for it, and takes that away again
        sizes, more = ["1"], f", reshape: {{ shape: [ ] }}{more}"
    return f'name: "{value.name}", data_type: {TYPES[value.type]}, dims: [ {", ".join(sizes)} ]{more}'
