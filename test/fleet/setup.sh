#!/usr/bin/env bash
# Installs what the examples are tried with: Slurm and GNU parallel from Debian's packages, when they are missing and this is
# run by root; Snakemake and a validator of Kubernetes manifests from PyPI, in a virtual environment below
# ${FLEET_TOOLS_DIR:-~/.cache/synapse-migrator/fleet}. What works is kept; a first run takes a minute.
# Needs Python 3.11 or later: PYTHON311 names it, else pyenv and the PATH are searched.
set -euo pipefail

dir=${FLEET_TOOLS_DIR:-$HOME/.cache/synapse-migrator/fleet}

readonly COMMANDS=(slurmctld slurmd sbatch munged parallel)
readonly PACKAGES=(slurmctld slurmd slurm-client munge parallel)
readonly PINNED=(snakemake==9.27.1 snakemake-executor-plugin-slurm==2.8.0 kubernetes-validate==1.37.0)

main() {
  mkdir -p "$dir"
  exec 9>"$dir/.lock"
  flock 9 # two runs at once would install over each other
  debian & local packages=$!
  python_packages
  wait "$packages"
  echo "Slurm, GNU parallel, Snakemake and kubernetes-validate are ready"
}

debian() {
  type -P "${COMMANDS[@]}" >/dev/null && return
  if [ "$(id -u)" != 0 ] || ! type -P apt-get >/dev/null; then
    fail "not all of ${COMMANDS[*]} are on the PATH: install them (apt-get install ${PACKAGES[*]})"
  fi
  echo "Installing ${PACKAGES[*]}" >&2
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${PACKAGES[@]}" >/dev/null
}

python_packages() {
  [ "$(cat "$dir/installed" 2>/dev/null)" = "${PINNED[*]}" ] && "$dir/venv/bin/snakemake" --version >/dev/null 2>&1 && return
  local python
  python=$(find311)
  echo "Installing ${PINNED[*]} with $python" >&2
  rm -rf "$dir/venv"
  "$python" -m venv "$dir/venv"
  "$dir/venv/bin/pip" -q --disable-pip-version-check install "${PINNED[@]}"
  echo "${PINNED[*]}" >"$dir/installed"
}

find311() {
  local candidate
  for candidate in ${PYTHON311:-} $(ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[1-9].*/bin/python 2>/dev/null) \
    python3.11 python3.12 python3.13 python3; do
    # a shim of pyenv is on the PATH whether or not it can run
    "$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    echo "$candidate"
    return
  done
  fail 'no Python 3.11 or later was found: install it (pyenv install 3.11) or set PYTHON311'
}

fail() {
  echo "setup.sh: $1" >&2
  exit 1
}

main
