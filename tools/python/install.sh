#!/usr/bin/env bash
# The Python environment of the tests, in node_modules/.cache/python: PyTorch, numpy, ONNX Runtime and what else
# tools/python/requirements.txt lists. Running it again does nothing once it has succeeded.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
venv="$root/node_modules/.cache/python"
requirements="$root/tools/python/requirements.txt"
stamp="$venv/requirements-installed"

PEERS_VENV="$venv" "$root/benchmarks/peers/setup.sh"
if ! cmp --silent "$requirements" "$stamp"; then
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$stamp"
fi
