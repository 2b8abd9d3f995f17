#!/usr/bin/env bash
# Library: onnxruntime 1.31.1 (Python, Linux), disable_telemetry_events().
# Expected: a program that calls disable_telemetry_events() right after the import reports nothing.
# What happens: the import itself writes a lasting device id and opens a queue of events in the home
#   folder. The call comes too late for both. ORT_DISABLE_TELEMETRY=1 before the import prevents them.
#   On a build service (GITHUB_ACTIONS, TF_BUILD, JENKINS_URL) nothing is written, so tests there pass.
# Why it matters: a service that must not report has an identifier on disk and a first event in the
#   queue although its code says no. Set the variable in the environment, or before the first import.
# Seen in 2026-12, files in an empty home folder:
#   call after the import: deviceid, onnxruntime.db   variable: none   variable CI service: none
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q onnxruntime==1.31.1
unset ORT_DISABLE_TELEMETRY GITHUB_ACTIONS TF_BUILD JENKINS_URL XDG_CACHE_HOME
files() { (cd "$folder/$1" && find . -type f -name '[do]*' | sed 's|.*/||' | grep -E '^(deviceid|onnxruntime\.db)$' | sort | tr '\n' ' '); }
code='import onnxruntime; onnxruntime.disable_telemetry_events()'
for home in call variable service; do mkdir "$home"; done
HOME="$folder/call" venv/bin/python -c "$code"
HOME="$folder/variable" ORT_DISABLE_TELEMETRY=1 venv/bin/python -c "$code"
HOME="$folder/service" GITHUB_ACTIONS=true venv/bin/python -c "$code"
echo "call after the import: $(files call)"
echo "variable before it:    $(files variable)"
echo "on a build service:    $(files service)"
test "$(files call)" = "deviceid onnxruntime.db "
test -z "$(files variable)"
test -z "$(files service)"
