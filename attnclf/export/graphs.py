"""Writes an ONNX graph: checked, and without any trace of the machine that made it."""

from pathlib import Path

import onnx


def write(model: onnx.ModelProto, path: Path) -> None:
    """Strip a graph in place, check it and save it.

    This removes the notes of exporters (file names, source lines, module names) and the shapes of inner values, which
    may be wrong after a change of the graph. Readers infer them. Raises ValidationError or InferenceError of onnx for
    an inconsistent graph.
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
