#!/usr/bin/env bash
# The browsers in which pages are tested.
set -euo pipefail
[ -x /usr/bin/chromium ] && [ -x /usr/bin/firefox-esr ] || {
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium firefox-esr > /dev/null
}
