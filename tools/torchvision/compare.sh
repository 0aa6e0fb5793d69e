#!/usr/bin/env bash
# torchvision's ResNet-18 and MobileNetV2 in full size (224x224), exported by both of PyTorch's exporters, read as models and trained for two
# steps beside PyTorch. Prints a table of relative errors, in brackets those of PyTorch's float32 against its float64. Some minutes and
# 700 MB; after `npm run build` and tools/python/install.sh.
#   tools/torchvision/compare.sh [FOLDER]
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
python="${PYTHON:-$root/node_modules/.cache/python/bin/python}"
packages="$root/node_modules/.cache/torchvision"
folder="${1:-$packages/files}"

if [ ! -d "$packages/torchvision" ]; then
  # Without their dependencies, which would bring another PyTorch; of torchvision the release for the PyTorch that is installed.
  "$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$packages" \
    torchvision==0.29.2 pillow onnx==1.23.2 onnxscript==0.7.2 onnx_ir==1.1.0 protobuf ml_dtypes typing_extensions
fi
PYTHONPATH="$packages" "$python" "$here/export.py" "$folder"
node "$here/compare.js" "$folder"
