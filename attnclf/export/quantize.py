"""A trained network with whole numbers of 8 bits in place of its weights: smaller, faster on a CPU, and measured.

What is quantized: the weights of LSTM layers and of wide dense products, and the table of embeddings. What is not: the
tables of the n-grams, whose columns differ a thousandfold in size, and everything computed between layers. ONNX
Runtime turns what goes into a layer into 8 bits as it comes (dynamic quantization), so that no examples are needed.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx

from attnclf.bundle import NETWORKS, Precision, add_file, checksum, open_bundle
from attnclf.data.corpus import Corpus
from attnclf.errors import BundleError, DataError, ExportError
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.evaluate import CHUNK, evaluate
from attnclf.runtime.samples import made_for
from attnclf.runtime.session import open_session

MOST_LOST = 0.003  # accuracy, or micro-F1 with several labels
MOST_CHANGED = 0.01  # share of the texts that may get another label, where no labelled rows tell which one is right
# Columns of a product over all units; to turn into bytes what goes into a narrower one costs more than it saves: with
# the score of the default preset, which has one, int8 was 1.14 times as fast as fp32, without it 1.4 times.
NARROW = 32
TEXTS = 2000  # made ones, where there are no labelled rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The quantized network beside the original one.

    `difference` is the largest between two probabilities, `changed` the share of `texts` with another label or set of
    labels. `score` and `original` are accuracy (micro-F1 with several labels), None without labelled rows. `bytes` and
    `original_bytes` are the sizes of the two files.
    """

    texts: int
    difference: float
    changed: float
    score: float | None
    original: float | None
    bytes: int
    original_bytes: int


def export_int8(folder: Path, rows: Corpus | None = None) -> Comparison:
    """Add `model.int8.onnx` to a model folder, after comparing it with the original on labelled rows or on made texts.

    Raises ExportError, and leaves the folder as it was, when the score falls by more than `MOST_LOST`, or without
    labelled rows when more than `MOST_CHANGED` of the labels change.
    """
    original = Classifier.load(folder, device="cpu")
    bundle = original.bundle
    try:
        with tempfile.TemporaryDirectory(prefix=".", dir=folder) as place:
            path = Path(place) / NETWORKS["int8"]
            quantize(bundle.network("fp32"), path)
            quantized = Classifier(bundle, original.tokenizer, open_session(path, device="cpu"))
            texts = made_for(original, TEXTS) if rows is None else rows.texts
            comparison = compare(original, quantized, texts, rows, bytes=path.stat().st_size)
            refuse_loss(comparison)
            add_file(bundle, path, int8=asdict(comparison))
    except OSError as error:
        raise BundleError(f"cannot write into {folder}: {error.strerror}", fix="check its permissions") from error
    return comparison


def quantize(path: Path, out: Path) -> None:
    """Write a quantized copy of an ONNX file of ours."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(path)
    del model.graph.value_info[:]  # shapes that torch noted before it folded constants: some are wrong by then
    narrow = {table.name for table in model.graph.initializer if len(table.dims) < 2 or min(table.dims) < NARROW}
    kept = [
        node.name
        for node in model.graph.node
        if (node.op_type == "Gather" and not _embeds(node))
        or (node.op_type == "MatMul" and not narrow.isdisjoint(node.input))
    ]
    logging.disable(logging.WARNING)  # it advises a preparation that is not for such networks
    try:
        quantize_dynamic(
            model,
            out,
            op_types_to_quantize=["LSTM", "MatMul", "Gemm", "Gather"],
            nodes_to_exclude=kept,
            # Unsigned, because products of unsigned and signed bytes overflow on processors without VNNI.
            weight_type=QuantType.QUInt8,
        )
    finally:
        logging.disable(logging.NOTSET)


def compare(
    original: Classifier, quantized: Classifier, texts: Sequence[str], rows: Corpus | None, *, bytes: int
) -> Comparison:
    """Run both over the same texts, and score both where there are labelled rows."""
    difference, changed = 0.0, 0
    for start in range(0, len(texts), CHUNK):
        part = list(texts[start : start + CHUNK])
        (before, chosen), (after, chosen_after) = original.judge(part), quantized.judge(part)
        if original.multi_label:
            changed += int((chosen != chosen_after).any(axis=1).sum())
        else:
            changed += int((before.argmax(axis=1) != after.argmax(axis=1)).sum())
        difference = max(difference, float(np.abs(before - after).max()))
    return Comparison(
        texts=len(texts),
        difference=difference,
        changed=changed / len(texts),
        score=None if rows is None else evaluate(quantized, rows).score,
        original=None if rows is None else evaluate(original, rows).score,
        bytes=bytes,
        original_bytes=original.bundle.network("fp32").stat().st_size,
    )


def refuse_loss(comparison: Comparison) -> None:
    """Raise ExportError for a loss beyond the bounds."""
    if comparison.score is not None and comparison.original is not None:
        lost = comparison.original - comparison.score
        if lost > MOST_LOST + 1e-12:
            raise ExportError(
                f"in int8 this model loses {100 * lost:.1f} points ({100 * comparison.original:.1f} to "
                f"{100 * comparison.score:.1f}); {100 * MOST_LOST:.1f} are allowed, and nothing was written",
                fix="use it as it is, or measure on more rows",
            )
    elif comparison.changed > MOST_CHANGED:
        raise ExportError(
            f"in int8 this model gives {comparison.changed:.1%} of {comparison.texts:,} made texts another label; "
            f"{MOST_CHANGED:.0%} are allowed without labelled rows, and nothing was written",
            fix="pass --data FILE with labelled rows, so that accuracy decides",
        )


def copy_out(folder: Path, precision: Precision, out: Path) -> None:
    """Copy the network of a model folder to a file, which appears when it is complete and checked.

    Raises BundleError for a damaged or missing network, DataError where nothing can be written.
    """
    path = open_bundle(folder).network(precision)
    fresh = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        shutil.copyfile(path, fresh)
        if checksum(fresh) != checksum(path):
            raise DataError(f"{out} could not be written in full", fix="look for free space there")
        fresh.replace(out)
    except OSError as error:
        raise DataError(f"cannot write {out}: {error.strerror}", fix="pass another --to") from error
    finally:
        fresh.unlink(missing_ok=True)


def _embeds(node: onnx.NodeProto) -> bool:
    return bool(node.input[0].endswith("embedding.weight"))
