#!/usr/bin/env bash
# Library: duckdb 2.0.1, reading csv with the types detected.
# Expected: labels "yes" and "no" stay text. pandas, polars and pyarrow keep them, and duckdb's own reader
#   of json keeps them.
# What happens: a csv column of yes and no, or of t and f, becomes BOOLEAN. Written out again, the labels
#   are "true" and "false". One row with "maybe" makes the column text again, so two parts of one data
#   set get different types. y and n, on and off stay text.
# Why it matters: a model trained on the part without "maybe" knows the classes true and false, and
#   matches none of the labels of the other part. Pass all_varchar=true or types={'label': 'VARCHAR'}.
# Seen in 2026-12:
#   yes, no: BOOLEAN [True, False]   t, f: BOOLEAN   yes, no, maybe: VARCHAR   y, n: VARCHAR
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q duckdb==2.0.1
venv/bin/python - <<'PY'
import json
import duckdb

def read(labels):
    with open("rows.csv", "w") as table, open("rows.jsonl", "w") as lines:
        table.write("text,label\n" + "".join(f"some words,{label}\n" for label in labels))
        lines.writelines(json.dumps({"text": "some words", "label": label}) + "\n" for label in labels)
    kinds = [str(duckdb.sql(f"select label from '{name}'").types[0]) for name in ("rows.csv", "rows.jsonl")]
    values = [label for label, in duckdb.sql("select label from 'rows.csv'").fetchall()]
    print(labels, "csv:", kinds[0], values, "json:", kinds[1])
    return kinds[0], kinds[1], values

assert read(["yes", "no"]) == ("BOOLEAN", "VARCHAR", [True, False])
assert read(["t", "f"]) == ("BOOLEAN", "VARCHAR", [True, False])
assert read(["yes", "no", "maybe"]) == ("VARCHAR", "VARCHAR", ["yes", "no", "maybe"])
assert read(["y", "n"]) == ("VARCHAR", "VARCHAR", ["y", "n"])
read(["yes", "no"])
duckdb.sql("copy (from 'rows.csv') to 'again.csv'")
again = open("again.csv").read()
print(again)
assert again == "text,label\nsome words,true\nsome words,false\n"
PY
