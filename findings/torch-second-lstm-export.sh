#!/usr/bin/env bash
# Libraries: torch 2.13.0, onnxscript 0.7.2, onnxruntime 1.31.1; torch.onnx.export(dynamo=True) of nn.LSTM.
# Expected: the same export twice in one process gives the same graph, with batch and time left open.
# What happens: the first export takes any time. From the second on, the input's time axis is fixed at
#   the traced length, and onnxruntime refuses every other length. No error and no warning comes.
# Why it matters: a script that exports a model once is right. A test that exports several, a sweep, or
#   a service that trains again writes models for texts of one length. Read the input shapes after each
#   export, or export in a process of its own.
# Seen in 2026-12, input shape of exports 1, 2, 3, traced at time 7:
#   ['batch', 'time', 3], ['batch', 7, 3], ['batch', 7, 3]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q torch==2.13.0 onnxscript==0.7.2 onnx==1.23.2 onnxruntime==1.31.1 numpy==2.4.6
ORT_DISABLE_TELEMETRY=1 venv/bin/python -W ignore - <<'PY'
import logging

import onnxruntime
import torch
from torch.export import Dim

logging.disable(logging.WARNING)

class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(3, 4, batch_first=True)

    def forward(self, vectors):
        return self.lstm(vectors)[0]

shapes = []
for number in (1, 2, 3):
    axes = {"vectors": {0: Dim("batch", min=1), 1: Dim("time", min=1)}}
    program = torch.onnx.export(
        Encoder().eval(), (torch.randn(2, 7, 3),), dynamo=True, verbose=False, opset_version=18, dynamic_shapes=axes
    )
    program.save("model.onnx")
    session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    shapes.append(session.get_inputs()[0].shape)
    print("export", number, shapes[-1])
assert shapes == [["batch", "time", 3], ["batch", 7, 3], ["batch", 7, 3]]
PY
