#!/usr/bin/env bash
# Library: onnxruntime 1.32.0, operator ReduceSum on int64 (CPU).
# Expected: the sum of int64 numbers is exact, as with CumSum, Add, numpy and ONNX's reference.
# What happens: ReduceSum adds in double precision and turns the result back. Sums over 2^53 lose
#   their last digits.
# Why it matters: n-gram features in a graph are often a sum of ids times large factors. The sum lands
#   on another number than in training, so the hash points to another row of the table. Keep such sums
#   below 2^53, or chain Add, or take the last value of CumSum.
# Seen in 2026-12, for [9007199254740993, 1]:
#   ReduceSum 9007199254740992, CumSum 9007199254740994, reference 9007199254740994
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

def build(node, constant):
    parts = helper.make_tensor_value_info("parts", TensorProto.INT64, [None])
    total = helper.make_tensor_value_info("total", TensorProto.INT64, None)
    graph = helper.make_graph([node], "sum", [parts], [total], [numpy_helper.from_array(constant, "axis")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)

def run(model):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feed)[0]

feed = {"parts": np.array([2**53 + 1, 1])}
reduced = build(helper.make_node("ReduceSum", ["parts", "axis"], ["total"], keepdims=0), np.array([0]))
running = build(helper.make_node("CumSum", ["parts", "axis"], ["total"]), np.array(0))
by_reduce, by_cumsum = int(run(reduced)), int(run(running)[-1])
by_reference = int(ReferenceEvaluator(reduced).run(None, feed)[0])
print("ReduceSum", by_reduce, "CumSum", by_cumsum, "reference", by_reference)
assert by_reduce == 2**53
assert by_cumsum == by_reference == 2**53 + 2
PY
