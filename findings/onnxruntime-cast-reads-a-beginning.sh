#!/usr/bin/env bash
# Library: onnxruntime 1.32.0, operator Cast from string to number.
# Expected: a text that is no number is an error, and "1e3" is 1000 for every number type.
# What happens: Cast reads as much of the text as it can and drops the rest in silence. "3 stars" is 3,
#   "1.5abc" is 1.5, "4,5" is 4. To int64, "1e3" is 1 and "3.7" is 3. Only a text without any leading
#   number is refused.
# Why it matters: a graph that reads ratings, ids or scores from strings takes broken cells for numbers.
#   A decimal comma loses its decimals, and an id "1e3" becomes another id.
# Seen in 2026-12:
#   float: '3 stars' 3.0, '4,5' 4.0, '1_000' 1.0, '1e3' 1000.0    int64: '1e3' 1, '3.7' 3, '12-b' 12
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
ORT_DISABLE_TELEMETRY=1 LC_ALL=C venv/bin/python - <<'PY'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

def cast(texts, to):
    text = helper.make_tensor_value_info("text", TensorProto.STRING, [None])
    number = helper.make_tensor_value_info("number", to, [None])
    graph = helper.make_graph([helper.make_node("Cast", ["text"], ["number"], to=to)], "cast", [text], [number])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"text": np.array(texts, dtype=object)})[0].tolist()

floats = dict(zip(("3 stars", "4,5", "1_000", "1e3"), cast(["3 stars", "4,5", "1_000", "1e3"], TensorProto.FLOAT)))
whole = dict(zip(("1e3", "3.7", "12-b"), cast(["1e3", "3.7", "12-b"], TensorProto.INT64)))
print("float:", floats)
print("int64:", whole)
assert floats == {"3 stars": 3.0, "4,5": 4.0, "1_000": 1.0, "1e3": 1000.0}
assert whole == {"1e3": 1, "3.7": 3, "12-b": 12}
PY
