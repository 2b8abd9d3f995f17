#!/usr/bin/env bash
# Library: onnxruntime 1.32.0, operator StringNormalizer (Linux, CPU).
# Expected: a graph that lower-cases its text loads wherever onnxruntime does.
# What happens: the operator asks the system for the locale en_US.UTF-8 when the graph is loaded. A
#   machine without it, such as a slim container, cannot load the model at all. With locale="C" the
#   model loads, and only A to Z are lowered: "ДОМ" stays as it is.
# Why it matters: scikit-learn's vectorizers lower-case by default, and skl2onnx turns that into this
#   operator. The model works on the laptop and stops the service at its start. Lower-case before the
#   graph, or install the locale.
# The script takes the locales away by pointing LOCPATH at an empty folder.
# Seen in 2026-12:
#   default locale: Fail, "Failed to construct locale with name:en_US.UTF-8"
#   locale="C":     ['good', 'ДОМ']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
mkdir no-locales
unset LC_ALL LANG LC_CTYPE
ORT_DISABLE_TELEMETRY=1 PYTHONUTF8=1 LOCPATH="$folder/no-locales" venv/bin/python - <<'PY'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

onnxruntime.set_default_logger_severity(4)

def lower(**more):
    text = helper.make_tensor_value_info("text", TensorProto.STRING, [None])
    low = helper.make_tensor_value_info("low", TensorProto.STRING, None)
    node = helper.make_node("StringNormalizer", ["text"], ["low"], case_change_action="LOWER", **more)
    graph = helper.make_graph([node], "lower", [text], [low])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"text": np.array(["GOOD", "ДОМ"], dtype=object)})[0].tolist()

try:
    lower()
except Exception as error:
    said = str(error)
else:
    raise SystemExit("it loads without the locale now")
wanted = "Failed to construct locale with name:en_US.UTF-8"
assert wanted in said, said
print("default locale:", wanted)
plain = lower(locale="C")
print('locale="C":    ', plain)
assert plain == ["good", "ДОМ"]
PY
