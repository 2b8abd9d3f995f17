#!/usr/bin/env bash
# Library: datasets 5.2.0, load_dataset("json").
# Expected: a json string stays a string. json has no dates.
# What happens: a column whose strings all look like dates or times of ISO 8601 becomes a timestamp. The
#   text as written is gone: "2024-01-02" comes back as midnight, and a zone is taken off. Asking for a
#   string by features= does not bring it back: the timestamp is written out as another string.
# Why it matters: a text or label column of dates is no text any more, and str() of it gives other words.
#   One row with other words turns the column back into text, so two splits of one data set may differ.
#   Read such a file with Python's json and hand the rows to Dataset.from_list.
# Seen in 2026-12:
#   "2024-01-02", "2024-01-02T10:00:00+02:00" -> timestamp[s], 2024-01-02 00:00:00, 2024-01-02 08:00:00
#   the same with features= string            -> "2024-01-02 00:00:00", "2024-01-02 08:00:00"
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q datasets==5.2.0 pyarrow==26.0.1
HF_HOME="$folder/home" HF_HUB_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1 venv/bin/python - <<'PY'
import json
from datasets import Features, Value, disable_progress_bars, load_dataset

disable_progress_bars()

def load(name, texts, **more):
    with open(f"{name}.jsonl", "w") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in texts)
    data = load_dataset("json", data_files=f"{name}.jsonl", split="train", **more)
    print(texts, "->", data.features["text"], [str(text) for text in data["text"]])
    return data.features["text"].dtype, [str(text) for text in data["text"]]

dates = ["2024-01-02", "2024-01-02T10:00:00+02:00"]
assert load("dates", dates) == ("timestamp[s]", ["2024-01-02 00:00:00", "2024-01-02 08:00:00"])
assert load("mixed", dates + ["late"]) == ("string", dates + ["late"])
assert load("named", dates, features=Features({"text": Value("string")})) == (
    "string", ["2024-01-02 00:00:00", "2024-01-02 08:00:00"])
PY
