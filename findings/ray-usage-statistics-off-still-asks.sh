#!/usr/bin/env bash
# Library: ray 2.60.0, ray.init with RAY_USAGE_STATS_ENABLED=0 and include_dashboard=False.
# Expected: with usage statistics off and no dashboard, a local Ray talks to this machine only.
# What happens: ray.init starts a process for usage statistics all the same. Before it reads the switch,
#   it asks the metadata hosts of three clouds where it runs: 169.254.169.254 (Azure, AWS) and
#   metadata.google.internal. No setting leaves this out.
# Why it matters: a classifier that labels files on a closed network shows up in its DNS log, and each
#   start waits for the answers. Nothing about the data is sent.
# The script records look-ups of Python processes and lets none of these hosts be reached.
# Seen in 2026-12:
#   ['169.254.169.254', 'metadata.google.internal']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q ray==2.60.0 requests==2.34.2
mkdir watch
cat > watch/sitecustomize.py <<'PY'
import os
import socket

real = socket.getaddrinfo
LOCAL = ("", "localhost", "127.0.0.1", "::1", "0.0.0.0", socket.gethostname())

def getaddrinfo(host, *others, **more):
    name = host.decode() if isinstance(host, bytes) else host or ""
    if name == "169.254.169.254" or (name not in LOCAL and any(letter.isalpha() for letter in name.split("%")[0])
                                     and ":" not in name):
        with open(os.environ["HOSTS"], "a") as file:
            file.write(name + "\n")
        raise socket.gaierror(socket.EAI_NONAME, "left out")
    return real(host, *others, **more)

socket.getaddrinfo = getaddrinfo
PY
export HOSTS="$folder/hosts" PYTHONPATH="$folder/watch" RAY_USAGE_STATS_ENABLED=0 HOME="$folder"
: > "$HOSTS"
venv/bin/python - <<'PY'
import logging
import os
import time

import ray

ray.init("local", num_cpus=1, include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
wanted = {"169.254.169.254", "metadata.google.internal"}
until = time.monotonic() + 60
while not wanted <= set(open(os.environ["HOSTS"]).read().split()) and time.monotonic() < until:
    time.sleep(0.5)
ray.shutdown()
asked = sorted(wanted & set(open(os.environ["HOSTS"]).read().split()))
print(asked)
assert asked == ["169.254.169.254", "metadata.google.internal"]
PY
