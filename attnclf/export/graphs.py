"""The one way in which an ONNX graph is written: without a word on the machine that made it, and checked whole."""

from pathlib import Path

import onnx


def write(model: onnx.ModelProto, path: Path) -> None:
    """Strip a graph in place, check it and save it.

    Removed are the notes of exporters (file names, source lines, module names) and the shapes of inner values, which
    those who need them infer: after a table was exchanged or a constant folded, the noted ones may be wrong. Raises
    onnx's ValidationError or InferenceError where the rest does not fit together.
    """
    for text in ("doc_string", "domain", "metadata_props"):
        model.ClearField(text)
    for function in model.functions:
        _strip(function)
        function.ClearField("value_info")
        for node in function.node:
            _strip_node(node)
    _strip_graph(model.graph)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def _strip_graph(graph: onnx.GraphProto) -> None:
    graph.ClearField("value_info")
    for part in (graph, *graph.input, *graph.output, *graph.initializer):
        _strip(part)
    for node in graph.node:
        _strip_node(node)


def _strip_node(node: onnx.NodeProto) -> None:
    _strip(node)
    for attribute in node.attribute:
        attribute.ClearField("doc_string")
        for graph in [attribute.g] if attribute.HasField("g") else attribute.graphs:
            _strip_graph(graph)


def _strip(
    part: onnx.GraphProto | onnx.NodeProto | onnx.ValueInfoProto | onnx.TensorProto | onnx.FunctionProto,
) -> None:
    part.ClearField("doc_string")
    part.ClearField("metadata_props")
