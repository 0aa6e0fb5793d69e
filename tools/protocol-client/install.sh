#!/usr/bin/env bash
# What the client in Python needs, where its tests look for it.
set -euo pipefail
cd "$(dirname "$0")"
venv=../../node_modules/.cache/protocol-client
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt
