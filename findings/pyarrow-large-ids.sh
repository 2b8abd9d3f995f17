#!/usr/bin/env bash
# Library: pyarrow 26.0.1, pyarrow.json and pyarrow.csv (datasets 5.2.0 reads json through it).
# Expected: whole numbers stay whole. Ids above 2^63 become uint64, as in pandas and polars, or an error.
# What happens: one id of 2^63 or more turns the whole column into doubles. All ids above 2^53 lose their
#   last digits, the small ones too, in silence.
# Why it matters: ids are often 64-bit hashes, and half of those are 2^63 or more. Different documents get
#   the same id, so answers cannot be joined back to their rows. Write ids as strings.
# Seen in 2026-12, ids 17293822569102704641, 9007199254740993, 9007199254740992:
#   json and csv: [1.7293822569102705e+19, 9007199254740992.0, 9007199254740992.0]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q pyarrow==26.0.1
venv/bin/python - <<'PY'
from pyarrow import csv, json

ids = [17293822569102704641, 9007199254740993, 9007199254740992]
with open("rows.jsonl", "w") as lines, open("rows.csv", "w") as table:
    lines.writelines('{"id": %d}\n' % one for one in ids)
    table.write("id\n" + "".join(f"{one}\n" for one in ids))
for name, column in (("json", json.read_json("rows.jsonl")["id"]), ("csv", csv.read_csv("rows.csv")["id"])):
    print(name, column.type, column.to_pylist())
    assert str(column.type) == "double"
    assert column.to_pylist() == [float(ids[0]), 9007199254740992.0, 9007199254740992.0]
with open("rows.jsonl", "w") as lines:
    lines.writelines('{"id": %d}\n' % one for one in ids[1:])
small = json.read_json("rows.jsonl")["id"]
print("json without the first:", small.type, small.to_pylist())
assert small.to_pylist() == ids[1:]
PY
