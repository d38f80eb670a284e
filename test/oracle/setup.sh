#!/usr/bin/env bash
# Installs the releases of Synapse that our results are compared with, each in a virtual environment of its own:
#
#   01x     0.1.58      reads the source
#   rc18    0.2.0rc18   the reference migrator
#   200     2.0.0       the first release that opens the result
#   280     2.8.0       the last one with a migrator
#   latest  2.256.0     a current one
#
# below ${SYNAPSE_ORACLE_DIR:-~/.cache/synapse-migrator/oracle}. What works already is kept; a first run takes a minute.
# Needs Python 3.7 and 3.11 or later: PYTHON37 and PYTHON311 name them, else pyenv and the PATH are searched.
set -euo pipefail

dir=${SYNAPSE_ORACLE_DIR:-$HOME/.cache/synapse-migrator/oracle}

# what the releases of 2020 import from these three is gone from later versions
readonly OLD=('cryptography==3.4.8' 'tornado==6.1' 'aiohttp==3.7.4.post0')

main() {
  mkdir -p "$dir"
  exec 9>"$dir/.lock"
  flock 9 # two runs at once would install over each other
  install 01x 0.1.58 37 "${OLD[@]}" & local jobs=($!)
  install rc18 0.2.0rc18 37 "${OLD[@]}" & jobs+=($!)
  install 200 2.0.0 37 "${OLD[@]}" & jobs+=($!)
  install 280 2.8.0 37 "${OLD[@]}" & jobs+=($!)
  install latest 2.256.0 311 & jobs+=($!)
  local failed=0
  for job in "${jobs[@]}"; do wait "$job" || failed=1; done
  [ $failed = 0 ] || exit 1
  echo "Synapse 0.1.58, 0.2.0rc18, 2.0.0, 2.8.0 and 2.256.0 are ready in $dir"
}

# install NAME VERSION PYTHON [OTHER REQUIREMENT...]
install() {
  local env=$dir/$1 version=$2 python
  works "$env" "$version" && return
  python=$("find$3")
  shift 3
  echo "Installing Synapse $version with $python" >&2
  rm -rf "$env"
  "$python" -m venv "$env"
  "$env/bin/pip" -q --disable-pip-version-check install -U 'pip<24.1' wheel setuptools
  "$env/bin/pip" -q --disable-pip-version-check install "synapse==$version" "$@"
  works "$env" "$version" || fail "Synapse $version was installed into $env but cannot be imported"
}

works() {
  compgen -G "$1/lib/python3*/site-packages/synapse-$2.dist-info" >/dev/null &&
    "$1/bin/python" -W ignore -c 'import synapse.cortex' >/dev/null 2>&1
}

find37() { pick '(3, 7) <= v < (3, 8)' "${PYTHON37:-}" 3.7 || fail 'no Python 3.7 was found: install it (pyenv install 3.7) or set PYTHON37'; }

find311() {
  pick '(3, 11) <= v' "${PYTHON311:-}" 3.11 3.12 3.13 3 ||
    fail 'no Python 3.11 or later was found: install it (pyenv install 3.11) or set PYTHON311'
}

# pick CONDITION PATH VERSION...: the first interpreter that runs and whose version (v) meets the condition
pick() {
  local condition=$1 given=$2 candidate
  shift 2
  local candidates=("$given")
  [ -n "$given" ] || candidates=($(for v in "$@"; do
    ls -d "${PYENV_ROOT:-$HOME/.pyenv}/versions/$v."*/bin/python 2>/dev/null | sort -rV
    type -p "python$v"
  done || true))
  for candidate in "${candidates[@]}"; do
    # a shim of pyenv is on the PATH whether or not it can run
    "$candidate" -c "import sys, venv; v = sys.version_info[:2]; sys.exit(not ($condition))" 2>/dev/null || continue
    echo "$candidate"
    return 0
  done
  return 1
}

fail() {
  echo "setup.sh: $1" >&2
  exit 1
}

main
