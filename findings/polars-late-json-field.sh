#!/usr/bin/env bash
# Library: polars 2.1.0, read_ndjson and scan_ndjson.
# Expected: a field that appears for the first time in a late row becomes a column with nulls before it,
#   as in pandas, duckdb and pyarrow. If not, an error.
# What happens: polars looks at the first 100 rows only. A field that is not in them is dropped, with its
#   values, in silence. A late text in a column of numbers does raise an error, a late field does not.
# Why it matters: label tools write the label only on rows that have one. If the first 100 rows of an
#   export are unlabelled, the whole label column is gone. Pass infer_schema_length=None.
# Seen in 2026-12, 150 rows without a label and then one with the label "spam":
#   by default: columns ['text']   with infer_schema_length=None: ['text', 'label'], last label 'spam'
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q polars==2.1.0
venv/bin/python - <<'PY'
import json
import polars

rows = [{"text": f"row {number}"} for number in range(150)] + [{"text": "win a car", "label": "spam"}]
with open("rows.jsonl", "w") as file:
    file.writelines(json.dumps(row) + "\n" for row in rows)
for read in (polars.read_ndjson, lambda *given, **more: polars.scan_ndjson(*given, **more).collect()):
    usual = read("rows.jsonl")
    whole = read("rows.jsonl", infer_schema_length=None)
    print("by default:", usual.columns, usual.height, "rows; all rows looked at:", whole.columns, whole["label"][-1])
    assert usual.columns == ["text"] and usual.height == 151
    assert whole.columns == ["text", "label"] and whole["label"][-1] == "spam"
PY
