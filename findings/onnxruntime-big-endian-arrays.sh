#!/usr/bin/env bash
# Library: onnxruntime 1.32.0 (Python).
# Expected: a numpy array in big-endian byte order is converted, or it is refused. numpy, torch and
#   ONNX's own reference evaluator do one or the other.
# What happens: the session takes the array and reads its bytes in the machine's own order. The answers
#   are nonsense. No error and no warning comes.
# Why it matters: word vectors, ids and features from IDX, FITS, HDF5, Java and network files are often
#   big-endian in numpy (">f4", ">i8"). A classifier fed with them answers, and every answer is wrong.
#   Call .astype(a.dtype.newbyteorder("=")) before the call.
# Seen in 2026-12:
#   ids 1, 2, 3 doubled: [144115188075855872, 288230376151711744, 432345564227567616]
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

ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [None])
twice = helper.make_tensor_value_info("twice", TensorProto.INT64, [None])
graph = helper.make_graph([helper.make_node("Add", ["ids", "ids"], ["twice"])], "double", [ids], [twice])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

native = np.array([1, 2, 3], dtype="<i8")
swapped = native.astype(">i8")
assert (native == swapped).all()
answers = {order: session.run(None, {"ids": array})[0].tolist()
           for order, array in (("little-endian", native), ("big-endian", swapped))}
for order, answer in answers.items():
    print(f"{order:13} ids {native.tolist()} doubled: {answer}")
assert answers["little-endian"] == [2, 4, 6]
assert answers["big-endian"] == [2 << 56, 4 << 56, 6 << 56]
PY
