#!/usr/bin/env bash
# Libraries: skl2onnx 1.20.0, scikit-learn 1.9.1, onnxruntime 1.32.0.
# Expected: a CountVectorizer or TfidfVectorizer with ngram_range=(1, 2) and the default token pattern
#   gives the same features as an ONNX graph, at least on plain English. Single words do.
# What happens: scikit-learn first drops words of one letter (and stop words), then makes pairs of what
#   is left: "give me a refund" has the pair "me refund". The graph makes pairs before it drops
#   anything, so this pair never appears and its feature is 0. The conversion says nothing.
# Why it matters: "a", "I" and the t of "can't" stand in most English texts, so many pairs are lost and
#   probabilities shift. Compare the graph with the pipeline on real texts, or fit with
#   token_pattern=r"[a-zA-Z0-9_]+" and no stop words.
# Seen in 2026-12, for "give me a refund":
#   scikit-learn: give, give me, me, me refund, refund   graph: give, give me, me, refund
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q skl2onnx==1.20.0 scikit-learn==1.9.1 onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
ORT_DISABLE_TELEMETRY=1 venv/bin/python -W ignore - <<'PY'
import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import StringTensorType
from sklearn.feature_extraction.text import CountVectorizer

def compare(**settings):
    vectorizer = CountVectorizer(ngram_range=(1, 2), lowercase=False, **settings).fit(texts)
    graph = to_onnx(vectorizer, initial_types=[("text", StringTensorType([None, 1]))])
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    names = vectorizer.get_feature_names_out()
    library = vectorizer.transform(texts).toarray()[0]
    runtime = session.run(None, {"text": np.array(texts, dtype=object)[:, None]})[0][0]
    return [str(name) for name in names[library > 0]], [str(name) for name in names[runtime > 0]]

texts = ["give me a refund"]
library, runtime = compare()
print("scikit-learn:", library)
print("graph:       ", runtime)
assert library == ["give", "give me", "me", "me refund", "refund"]
assert runtime == ["give", "give me", "me", "refund"]
library, runtime = compare(token_pattern="[a-zA-Z0-9_]+")
assert library == runtime
PY
