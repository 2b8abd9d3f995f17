#!/usr/bin/env bash
# Library: datasets 5.2.0, Dataset.class_encode_column.
# Expected: a column of the numbers 0 to 10 keeps its numbers, or at least their order.
# What happens: the numbers are sorted as text, and each gets a new number by its place: 10 becomes 2,
#   2 becomes 3. With classes 0 to 9 nothing moves, so small trials look right.
# Why it matters: a model trained on the new column answers 2 where the data say 10. Scores against the
#   old column, or against labels of another tool, are wrong for all classes from 2 on, in silence. Cast
#   with ClassLabel(names=[...]) in your own order.
# Seen in 2026-12, column 0, 1, 2, ..., 10:
#   [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 2]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q datasets==5.2.0 pyarrow==26.0.1
HF_HOME="$folder/home" HF_HUB_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1 venv/bin/python - <<'PY'
from datasets import Dataset, disable_progress_bars

disable_progress_bars()

def encode(labels):
    data = Dataset.from_dict({"label": labels}).class_encode_column("label")
    print(labels, "->", data["label"][:], data.features["label"].names)
    return data["label"][:]

assert encode(list(range(10))) == list(range(10))
assert encode(list(range(11))) == [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 2]
PY
