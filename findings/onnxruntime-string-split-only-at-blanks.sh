#!/usr/bin/env bash
# Library: onnxruntime 1.32.0, operator StringSplit (ONNX 20 and later).
# Expected: without a delimiter, StringSplit splits at white space. The ONNX text says so, ONNX's own
#   reference evaluator does it, and Python's str.split() does it.
# What happens: onnxruntime splits at the blank alone. Tabs, line ends and no-break spaces stay inside
#   the word.
# Why it matters: a graph that takes raw text and splits it itself gets words like "late\nand". Their
#   ids are unknown, so a text of several lines loses words in production that it had in the tests.
# Seen in 2026-12, for "delivery late\nand\tbroken":
#   onnxruntime: ['delivery', 'late\nand\tbroken']
#   reference:   ['delivery', 'late', 'and', 'broken']
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
from onnx.reference import ReferenceEvaluator

text = helper.make_tensor_value_info("text", TensorProto.STRING, [None])
words = helper.make_tensor_value_info("words", TensorProto.STRING, None)
count = helper.make_tensor_value_info("count", TensorProto.INT64, None)
graph = helper.make_graph([helper.make_node("StringSplit", ["text"], ["words", "count"])], "split", [text], [words, count])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

feed = {"text": np.array(["delivery late\nand\tbroken"], dtype=object)}
by_runtime = session.run(None, feed)[0][0].tolist()
by_reference = [str(word) for word in ReferenceEvaluator(model).run(None, feed)[0][0]]
print("onnxruntime:", by_runtime)
print("reference:  ", by_reference)
assert by_runtime == ["delivery", "late\nand\tbroken"]
assert by_reference == ["delivery", "late", "and", "broken"]
PY
