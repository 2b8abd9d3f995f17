#!/usr/bin/env bash
# Library: onnxruntime 1.32.0, operator Cast from number to string.
# Expected: a double keeps the digits that tell it from its neighbours (as Python's str does), and a
#   boolean becomes "True" or "true".
# What happens: a double keeps eight digits, a boolean becomes "1" or "0". Different numbers get one
#   and the same text.
# Why it matters: a graph that makes label names or document ids out of numbers merges them. Customer
#   numbers 123456781.0 and 123456782.0 become one class. Cast int64 to string instead: it is exact.
# Seen in 2026-12:
#   double: ['1.2345678e+08', '1.2345678e+08', '0.33333333']   int64: ['123456781', '123456782']
#   bool:   ['1', '0']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
ORT_DISABLE_TELEMETRY=1 venv/bin/python - <<'PY'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

def to_text(array, kind):
    number = helper.make_tensor_value_info("number", kind, [None])
    text = helper.make_tensor_value_info("text", TensorProto.STRING, [None])
    node = helper.make_node("Cast", ["number"], ["text"], to=TensorProto.STRING)
    graph = helper.make_graph([node], "cast", [number], [text])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"number": array})[0].tolist()

doubles = to_text(np.array([123456781.0, 123456782.0, 1 / 3]), TensorProto.DOUBLE)
whole = to_text(np.array([123456781, 123456782]), TensorProto.INT64)
truth = to_text(np.array([True, False]), TensorProto.BOOL)
print("double:", doubles)
print("int64: ", whole)
print("bool:  ", truth)
assert doubles == ["1.2345678e+08", "1.2345678e+08", "0.33333333"]
assert whole == ["123456781", "123456782"]
assert truth == ["1", "0"]
PY
