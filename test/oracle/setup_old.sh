#!/usr/bin/env bash
# Installs old releases of Synapse (0.1.0 to 0.1.57), each in a virtual environment below ${SYNAPSE_OLD_DIR}. What works is kept.
#
# usage: setup_old.sh RELEASE...        needs Python 3.7: PYTHON37 names it, else pyenv and the PATH are searched
set -euo pipefail
dir=${SYNAPSE_OLD_DIR:-$HOME/.cache/synapse-migrator/oracle-old}

python37() {
  for path in "${PYTHON37:-}" "$HOME"/.pyenv/versions/3.7.*/bin/python python3.7; do
    [ -n "$path" ] && command -v "$path" >/dev/null && { echo "$path"; return; }
  done
  echo 'no Python 3.7 was found: install it (pyenv install 3.7) or set PYTHON37' >&2
  return 1
}

for release in "$@"; do
  env=$dir/$release
  "$env/bin/python" -W ignore -c 'import synapse.cortex' >/dev/null 2>&1 && continue
  echo "Installing Synapse $release" >&2
  python=$(python37)
  rm -rf "$env"
  "$python" -m venv "$env"
  "$env/bin/pip" -q --disable-pip-version-check install -U 'pip<24.1' wheel setuptools
  pins=('cryptography==3.4.8')
  # from 0.1.40 on the requirements allow versions that Python 3.7 cannot have any more
  [ "${release##*.}" -lt 40 ] || pins+=('tornado==6.1' 'aiohttp==3.7.4.post0')
  "$env/bin/pip" -q --disable-pip-version-check install "synapse==$release" "${pins[@]}"
  "$env/bin/python" -W ignore -c 'import synapse.cortex'
done
