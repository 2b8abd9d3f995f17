"""A trained network with whole numbers of 8 bits in place of its weights: smaller, and faster on a CPU.

What is quantized: the weights of LSTM layers and of wide dense products, and the table of embeddings. What is not: the
tables of the n-grams, whose columns differ a thousandfold in size, and everything computed between layers. ONNX
Runtime turns what goes into a layer into 8 bits as it comes (dynamic quantization), so that no examples are needed.
"""

import logging
from collections import Counter
from pathlib import Path

import onnx

from attnclf.export import graphs

# Columns of a product over all tokens; to turn into bytes what goes into a narrower one costs more than it saves: with
# the score of the default preset, which has one, int8 was 1.14 times as fast as fp32, without it 1.4 times.
NARROW = 32


def quantize(path: Path, out: Path) -> None:
    """Write a quantized copy of an exported ONNX file."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(path)
    del model.graph.value_info[:]  # files exported before shapes were left out have wrong ones
    _separate_weights(model.graph)
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
    graphs.write(onnx.load(out), out)


def _separate_weights(graph: onnx.GraphProto) -> None:
    """Give each Gemm its own copy of a shared weight, which the quantizer would transpose for all its readers."""
    readers = Counter(name for node in graph.node for name in node.input)
    tables = {table.name: table for table in graph.initializer}
    for number, node in enumerate(node for node in graph.node if node.op_type == "Gemm"):
        name = node.input[1]
        if name in tables and readers[name] > 1:
            copy = graph.initializer.add()
            copy.CopyFrom(tables[name])
            copy.name = node.input[1] = f"{name}.{number}"


def _embeds(node: onnx.NodeProto) -> bool:
    return bool(node.input[0].endswith("embedding.weight"))
