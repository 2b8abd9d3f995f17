#!/usr/bin/env bash
# Library: onnxconverter-common 1.16.0, convert_float_to_float16(keep_io_types=True).
# Expected: half precision inside, single precision at the doors, and a model that loads.
# What happens: an output that is also read inside the graph becomes single precision in both places.
#   The next node gets one input in each precision. The converter returns without a word, and
#   onnxruntime refuses the model. Without keep_io_types it works, and so it does with the converter
#   that onnxruntime ships (onnxruntime.transformers.float16).
# Why it matters: a classifier that shows its attention has just this shape. The weights are an output
#   and the next product reads them. The converter works until somebody asks for the weights.
# Seen in 2026-12:
#   Type parameter (T) of Optype (MatMul) bound to different types (tensor(float) and tensor(float16)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q onnxconverter-common==1.16.0 onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
ORT_DISABLE_TELEMETRY=1 venv/bin/python -W ignore - <<'PY'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxconverter_common.float16 import convert_float_to_float16

onnxruntime.set_default_logger_severity(4)

def model(shown):
    info = lambda name, *shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    nodes = [helper.make_node("Softmax", ["score"], ["attention"]),
             helper.make_node("MatMul", ["attention", "value"], ["context"])]
    outputs = [info("context", None, 1)] + ([info("attention", None, 3)] if shown else [])
    value = numpy_helper.from_array(np.array([[1], [2], [4]], np.float32), "value")
    graph = helper.make_graph(nodes, "attention", [info("score", None, 3)], outputs, [value])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

def run(proto):
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["context"], {"score": np.array([[1, 2, 3]], np.float32)})[0].item()

print("single precision:", run(model(True)))
print("half, attention hidden:", run(convert_float_to_float16(model(False), keep_io_types=True)))
try:
    run(convert_float_to_float16(model(True), keep_io_types=True))
except Exception as error:
    print("half, attention shown:", str(error)[:160])
    assert "bound to different types (tensor(float) and tensor(float16)" in str(error)
else:
    raise SystemExit("the half precision model loads now")
PY
