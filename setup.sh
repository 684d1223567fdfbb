#!/usr/bin/env bash
# Set up the virtual environment: torch first, then the rest under constraints.txt.
# Without a GPU a CPU wheel of torch that pip can see (PIP_FIND_LINKS, pip.conf) wins over the CUDA build.
set -euo pipefail
venv=${1:-.venv}
"${PYTHON:-python3}" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check install --quiet)
torch=$(grep -E '^torch==' constraints.txt)
if command -v nvidia-smi >/dev/null && nvidia-smi >/dev/null 2>&1; then
  PIP_FIND_LINKS='' "${pip[@]}" "$torch"
else
  "${pip[@]}" "$torch"
fi
"${pip[@]}" -c constraints.txt -e '.[dev]'
"$venv/bin/python" - <<'PY'
import torch
print(f"torch {torch.__version__}, GPU: {torch.cuda.get_device_name(0) if torch.cuda.is_available() else 'none'}")
PY
