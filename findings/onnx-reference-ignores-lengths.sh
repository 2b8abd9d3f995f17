#!/usr/bin/env bash
# Library: onnx 1.23.2, ReferenceEvaluator, operators LSTM, GRU and RNN.
# Expected: the reference evaluator, which is there to check runtimes by, obeys the input sequence_lens.
# What happens: it takes the input and ignores it. Short rows of a batch read their padding, and the
#   reverse direction begins in it. No error and no warning comes.
# Why it matters: a test that compares an exported BiLSTM with the reference fails although the export
#   is right, or passes although the lengths are wired wrongly. Compare with onnxruntime instead, with
#   rows of different lengths.
# Seen in 2026-12, the last state of a row of length 1 in 3 steps:
#   LSTM cut to its length: [-0.1361, -0.1537]   onnxruntime: the same   reference: [-0.1552, -0.0923]
#   GRU and RNN likewise
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
ORT_DISABLE_TELEMETRY=1 venv/bin/python - <<'PY'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

WIDTH = 2
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
for kind, gates in GATES.items():
    random = np.random.default_rng(0)
    draw = lambda *shape: random.uniform(-1, 1, shape).astype(np.float32)
    weights = [("W", draw(1, gates * WIDTH, WIDTH)), ("R", draw(1, gates * WIDTH, WIDTH))]
    text = helper.make_tensor_value_info("text", TensorProto.FLOAT, [None, None, WIDTH])
    lengths = helper.make_tensor_value_info("lengths", TensorProto.INT32, [None])
    last = helper.make_tensor_value_info("last", TensorProto.FLOAT, None)
    node = helper.make_node(kind, ["text", "W", "R", "", "lengths"], ["", "last"], hidden_size=WIDTH)
    graph = helper.make_graph([node], kind, [text], [last], [numpy_helper.from_array(array, name) for name, array in weights])
    graph.input.append(lengths)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    reference = ReferenceEvaluator(model)

    steps = draw(3, 1, WIDTH)
    short = {"text": steps, "lengths": np.array([1], np.int32)}
    whole = {"text": steps, "lengths": np.array([3], np.int32)}
    cut = {"text": steps[:1], "lengths": np.array([1], np.int32)}
    state = lambda runner, feed: runner.run(["last"], feed)[0].ravel().astype(float)
    print(kind, "cut:", state(session, cut).round(4).tolist(), "onnxruntime:", state(session, short).round(4).tolist(),
          "reference:", state(reference, short).round(4).tolist())
    assert np.allclose(state(session, short), state(session, cut), atol=1e-6)
    assert np.allclose(state(reference, cut), state(session, cut), atol=1e-6)
    assert np.allclose(state(reference, short), state(reference, whole), atol=1e-6)
    assert not np.allclose(state(reference, short), state(session, short), atol=1e-2)
PY
