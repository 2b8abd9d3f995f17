#!/usr/bin/env bash
# Libraries: skl2onnx 1.20.0, scikit-learn 1.9.1, onnxruntime 1.32.0.
# Expected: a converted CountVectorizer or TfidfVectorizer finds the words of its own vocabulary,
#   in any language, or the conversion fails.
# What happens: the graph knows the letters a to z alone. Russian words never occur, "schöne" is cut at
#   the ö, and every such feature is 0. The model answers with the prior of its classes. The same holds
#   when scikit-learn's own pattern is passed by hand.
# Why it matters: conversion and loading work and English tests pass. Texts in Russian, Greek, Hindi,
#   or German with umlauts get one and the same answer. token_pattern=r"\S+" is right on both sides.
# Seen in 2026-12, features above zero:
#   "дом стоит": scikit-learn 2, graph 0   "schöne Grüße": scikit-learn 2, graph 0
#   "nice house": scikit-learn 2, graph 2
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q skl2onnx==1.20.0 scikit-learn==1.9.1 onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
ORT_DISABLE_TELEMETRY=1 PYTHONUTF8=1 venv/bin/python -W ignore - <<'PY'
import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import StringTensorType
from sklearn.feature_extraction.text import CountVectorizer

texts = ["дом стоит", "schöne Grüße", "nice house"]
found = {}
for pattern in (None, r"(?u)\b\w\w+\b", r"\S+"):
    settings = {"token_pattern": pattern} if pattern else {}
    vectorizer = CountVectorizer(lowercase=False, **settings).fit(texts)
    graph = to_onnx(vectorizer, initial_types=[("text", StringTensorType([None, 1]))])
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    library = (vectorizer.transform(texts).toarray() > 0).sum(axis=1)
    runtime = (session.run(None, {"text": np.array(texts, dtype=object)[:, None]})[0] > 0).sum(axis=1)
    for text, ours, theirs in zip(texts, library, runtime):
        print(f"pattern {pattern or 'default'}, {text!r}: scikit-learn finds {ours} words, the graph {theirs}")
    assert library.tolist() == [2, 2, 2]
    found[pattern] = runtime.tolist()
assert list(found.values()) == [[0, 0, 2], [0, 0, 2], [2, 2, 2]]
PY
