#!/usr/bin/env bash
# Libraries: onnxruntime 1.32.0, tritonclient 2.73.0 (Python).
# Expected: a missing text (None, NaN) in an array of strings is an error.
# What happens: both write the missing text out as a word. None becomes the text "None", NaN the text
#   "nan", and bytes become "b'...'" with the letter b and the quotes. No error comes.
# Why it matters: the classifier answers for the word "None" as if a person had written it. Empty cells
#   of a pandas column get a label, and a count of answers shows nothing. Bytes get other words too.
# Seen in 2026-12:
#   onnxruntime:  ['good', 'None', 'nan', "b'good'"]
#   tritonclient: ['good', 'None', 'nan']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q onnxruntime==1.32.0 onnx==1.23.2 tritonclient==2.73.0 numpy==2.4.6
ORT_DISABLE_TELEMETRY=1 venv/bin/python - <<'PY'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from tritonclient.utils import deserialize_bytes_tensor, serialize_byte_tensor

text = helper.make_tensor_value_info("text", TensorProto.STRING, [None])
same = helper.make_tensor_value_info("same", TensorProto.STRING, [None])
graph = helper.make_graph([helper.make_node("Identity", ["text"], ["same"])], "same", [text], [same])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

texts = np.array(["good", None, float("nan"), b"good"], dtype=object)
arrived = session.run(None, {"text": texts})[0].tolist()
print("onnxruntime: ", arrived)
assert arrived == ["good", "None", "nan", "b'good'"]

sent = deserialize_bytes_tensor(serialize_byte_tensor(texts[:3]).item())
arrived = [one.decode() for one in sent]
print("tritonclient:", arrived)
assert arrived == ["good", "None", "nan"]
PY
