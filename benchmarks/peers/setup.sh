#!/usr/bin/env bash
# Makes the Python environment of the PyTorch peer and of tools/goldens: CPU PyTorch and numpy, from PyPI alone.
#
#   benchmarks/peers/setup.sh            # into benchmarks/peers/.venv
#   PEERS_VENV=/somewhere/else benchmarks/peers/setup.sh
#
# Needs python3 (3.11 or newer) with its venv module. Running it again does nothing once it has succeeded.
#
# Why not `pip install torch`: on Linux the wheel on PyPI is the CUDA build, and pip would add gigabytes of
# CUDA packages. Its CPU part is complete (MKL, oneDNN, OpenMP), so this script installs the wheel without
# its dependencies and satisfies the dynamic linker:
#   - two small CUDA packages are real: the CUDA runtime, which answers "no device", and nvshmem, of which
#     one variable is needed at load time;
#   - the other CUDA libraries are never called without a GPU: their names become links to a tiny library
#     of the wheel itself, and a .pth file makes Python resolve functions lazily, so that the missing ones
#     are never looked up.
# About 700 MB are downloaded. 2.15.0 was the newest release in November 2026. The same trick fails
# with 1.13.1, which takes the addresses of cuDNN functions at load time; run with substitutes for them, it
# trains no faster (the 2NN much slower), but imports about half a second sooner.
set -euo pipefail

TORCH=2.15.0
CUDA_RUNTIME=13.2.86
NVSHMEM=3.7.2
NUMPY=2.4.6
RECIPE="torch $TORCH numpy $NUMPY recipe 1"

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
venv="${PEERS_VENV:-$here/.venv}"
python="$venv/bin/python"
stamp="$venv/peers-recipe"

say() { echo "peers: $*" >&2; }
die() { say "$*"; exit 1; }

check() {
  "$python" - "$TORCH" <<'PY'
import sys, numpy, torch
assert torch.__version__.split("+")[0] == sys.argv[1], torch.__version__
x, y = torch.randn(4, 1, 8, 8), torch.tensor([0, 1, 2, 0])
model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(72, 3))
optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
before = torch.nn.functional.cross_entropy(model(x), y)
before.backward()
optimiser.step()
assert torch.nn.functional.cross_entropy(model(x), y) < before
PY
}

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$RECIPE" ] && check; then
  say "ready: $python ($RECIPE)"
  exit 0
fi

base="${PYTHON:-python3}"
command -v "$base" >/dev/null || die "no $base found: install Python 3.11 or newer (Debian: apt-get install python3-venv)"
"$base" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "$base is older than Python 3.11"
if [ -n "$(ls -A "$venv" 2>/dev/null)" ] && [ ! -f "$venv/pyvenv.cfg" ]; then
  die "$venv holds other files: set PEERS_VENV to a new folder"
fi
say "making $venv (about 700 MB to download, 2 GB on disk)"
"$base" -m venv --clear "$venv" || die "python3 has no working venv module (Debian: apt-get install python3-venv)"

install() { "$python" -m pip install --quiet --disable-pip-version-check --no-cache-dir "$@" || die "pip could not install: $*"; }

# What torch needs beside CUDA.
install "numpy==$NUMPY" filelock typing-extensions setuptools sympy networkx jinja2 fsspec
install --no-deps "torch==$TORCH"

if [ "$(uname -s)" = Linux ]; then
  install --no-deps "nvidia-cuda-runtime==$CUDA_RUNTIME" "nvidia-nvshmem-cu13==$NVSHMEM"
  site="$("$python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')"
  for library in libcublas.so.13 libcublasLt.so.13 libcudnn.so.9 libcufft.so.12 libcufile.so.0 libcupti.so.13 \
    libcusparse.so.12 libcusparseLt.so.0 libnccl.so.2 libnvrtc.so.13; do
    ln -sf libtorch_global_deps.so "$site/torch/lib/$library"
  done
  echo 'import os, sys; sys.setdlopenflags(os.RTLD_LAZY)' >"$site/lazy_binding.pth"
fi

check || die "torch $TORCH was installed into $venv but does not train: see the lines above"
echo "$RECIPE" >"$stamp"
say "ready: $python ($RECIPE)"
