"""A graph whose rows stand alone: each brings the spellings of its own unknown words.

The exported graph takes the spellings of a whole batch, and ids that count through them. A server that puts requests
together lays the arrays of one behind those of the other, and ignores what the numbers in them mean. So in
front of the graph, where the batch is complete, the words of all rows are laid end to end and the ids counted on.
"""

import onnx
from onnx import TensorProto, helper, parser

# Where each row has room for 4 words, the third unknown word of row 2 is vocabulary + 2, and 4 · 2 is added to it.
# Every name but those of the inputs begins with rows_, so that none is taken.
FRONT = """
<ir_version: 8, opset_import: ["" : {opset}]>
front (int64[batch, time] ids, int64[batch, words, grams] spellings)
    => (int64[batch, time] rows_ids, int64[unknown, grams] rows_spellings)
<int64 rows_known = {{{vocabulary}}}, int64 rows_0 = {{0}}, int64 rows_1 = {{1}}, int64[1] rows_all = {{-1}}>
{{
    rows_batch = Shape <start = 0, end = 1> (spellings)
    rows_words = Shape <start = 1, end = 2> (spellings)
    rows_grams = Shape <start = 2, end = 3> (spellings)
    rows_count = Squeeze (rows_batch)
    rows_number = Range (rows_0, rows_count, rows_1)
    rows_column = Unsqueeze (rows_number, rows_1)
    rows_before = Mul (rows_column, rows_words)
    rows_moved = Add (ids, rows_before)
    rows_strange = GreaterOrEqual (ids, rows_known)
    rows_ids = Where (rows_strange, rows_moved, ids)
    rows_shape = Concat <axis = 0> (rows_all, rows_grams)
    rows_spellings = Reshape (spellings, rows_shape)
}}
"""
SHAPES = {"ids": ["batch", "time"], "spellings": ["batch", "words", "grams"]}


def rowwise(model: onnx.ModelProto, vocabulary: int) -> onnx.ModelProto:
    """Return the graph of a model with n-grams with `spellings` int64 (batch, words, n-grams), 0 for a missing one.

    In `ids` (batch, time) the n-th unknown word of a row is `vocabulary` + n, whatever the other rows have.
    """
    (opset,) = (known.version for known in model.opset_import if not known.domain)
    front = parser.parse_model(FRONT.format(opset=opset, vocabulary=vocabulary)).graph
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    _read_instead(graph, {"ids": "rows_ids", "spellings": "rows_spellings"})
    nodes = [*front.node, *graph.node]
    inputs = [
        helper.make_tensor_value_info(value.name, TensorProto.INT64, SHAPES[value.name])
        if value.name in SHAPES
        else value
        for value in model.graph.input
    ]
    graph.ClearField("node")
    graph.ClearField("input")
    graph.node.extend(nodes)
    graph.input.extend(inputs)
    graph.initializer.extend(front.initializer)
    return changed


def _read_instead(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    """Rename the inputs of nodes, also in the graphs inside nodes."""
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = names.get(name, name)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _read_instead(attribute.g, names)
