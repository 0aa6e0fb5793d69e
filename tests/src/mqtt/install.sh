#!/usr/bin/env bash
# What the tests of MQTT need beside npm packages: a real broker, and a device's library.
set -euo pipefail
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

PATH="$PATH:/usr/sbin"
if ! command -v mosquitto >/dev/null; then
  as_root apt-get update -qq
  # Debian starts what it installs; the tests start their own.
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends mosquitto openssl
fi

# A library of others, for a device that knows nothing of fedloom.
cd "$(dirname "$0")"
venv=../../../node_modules/.cache/mqtt-device
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import paho.mqtt' 2>/dev/null ||
  "$venv/bin/pip" install --quiet --disable-pip-version-check 'paho-mqtt==2.1.0'
