#!/usr/bin/env bash
# Libraries: duckdb 2.0.1 writes, pyarrow 26.0.1 reads.
# Expected: a parquet file with a column of vectors, FLOAT[2], can be read by pyarrow, with one row null.
# What happens: without a null it can. With one null row pyarrow refuses the file: it counts one value
#   more than there is. duckdb reads its own file back. Written as a list, FLOAT[], the same rows are fine.
# Why it matters: a table of texts and their embeddings has nulls where a text was empty. pandas, datasets
#   and everything else on pyarrow cannot open that table. Cast to FLOAT[] before writing.
# Seen in 2026-12:
#   FLOAT[2], no null: 2 rows   FLOAT[2], one null: ArrowInvalid, Length spanned by list offsets (5)
#   larger than values array (4)   FLOAT[], one null: 3 rows
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q duckdb==2.0.1 pyarrow==26.0.1
venv/bin/python - <<'PY'
import duckdb
import pyarrow
from pyarrow.parquet import read_table

def write(name, kind, rows):
    values = ", ".join(f"({row}::{kind})" for row in rows)
    duckdb.sql(f"copy (select * from (values {values}) t(vector)) to '{name}'")
    return duckdb.sql(f"from '{name}'").fetchall()

assert write("full.parquet", "float[2]", ["[1, 2]", "[5, 6]"]) == [([1.0, 2.0],), ([5.0, 6.0],)]
print("FLOAT[2], no null: ", read_table("full.parquet").to_pylist())
assert write("null.parquet", "float[2]", ["[1, 2]", "null", "[5, 6]"]) == [([1.0, 2.0],), (None,), ([5.0, 6.0],)]
try:
    read_table("null.parquet")
except pyarrow.ArrowInvalid as error:
    print("FLOAT[2], one null:", error)
    assert "Length spanned by list offsets (5) larger than values array (length 4)" in str(error)
else:
    raise SystemExit("pyarrow reads it now")
write("list.parquet", "float[]", ["[1, 2]", "null", "[5, 6]"])
rows = read_table("list.parquet")["vector"].to_pylist()
print("FLOAT[], one null: ", rows)
assert rows == [[1.0, 2.0], None, [5.0, 6.0]]
PY
