#!/usr/bin/env bash
# Makes again what test/fixtures holds of real Synapse; nothing in it comes from our own code.
#
#   demo-cortex.tar.gz           a 0.1.58 Cortex of about 300 nodes made by gen_cortex.py
#   demo-cortex.nodes.jsonl.gz   its nodes as 0.1.58 reads them (export_nodes.py)
#   demo-cortex.rc18.jsonl.gz    what the reference migrator makes of it, with --map-partial (dump.py)
#   empty-cortex.tar.gz          a 0.1.58 Cortex without nodes (make_empty_cortex.py)
#   lost-module.tar.gz           a 0.1.58 Cortex whose nodes are of a module that is gone (make_lost_module.py)
#   bad/<case>/rc18.jsonl.gz     the same for each damaged Cortex bad/<case>/src.tar.gz that the reference brings to an end
#
# usage: make_fixtures.sh [demo | empty | lost | <case>]...     all without arguments, in three minutes
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
fixtures=$here/../fixtures
synapse=${SYNAPSE_ORACLE_DIR:-$HOME/.cache/synapse-migrator/oracle}
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT

main() {
  "$here/setup.sh"
  if [ $# -gt 0 ]; then
    for name in "$@"; do case $name in demo | empty | lost) "$name" ;; *) bad "$name" ;; esac; done
    return
  fi
  demo
  empty
  lost
  for tar in "$fixtures"/bad/*/src.tar.gz; do bad "$(basename "$(dirname "$tar")")"; done
}

demo() {
  python 01x "$here/gen_cortex.py" "$temp/src" --nodes 220 --seed 1
  tar -C "$temp/src" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -Scf - . | gzip -9n >"$fixtures/demo-cortex.tar.gz"
  migrate "$temp/src" "$temp/dest" --map-partial
  python rc18 "$here/dump.py" "$temp/dest" "$fixtures/demo-cortex.rc18.jsonl.gz"
  python 01x "$here/export_nodes.py" "$temp/src" "$fixtures/demo-cortex.nodes.jsonl.gz"
}

empty() {
  python 01x "$here/make_empty_cortex.py" "$temp/empty"
  tar -C "$temp/empty" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -Scf - . | gzip -9n >"$fixtures/empty-cortex.tar.gz"
}

lost() {
  PYTHONPATH=$here python 01x "$here/make_lost_module.py" "$temp/lost"
  tar -C "$temp/lost" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -Scf - . | gzip -9n >"$fixtures/lost-module.tar.gz"
}

bad() {
  rm -rf "$temp/src" "$temp/dest"
  mkdir "$temp/src"
  tar -C "$temp/src" -xzf "$fixtures/bad/$1/src.tar.gz"
  local args=()
  mapfile -t args < <(python rc18 -c 'import json, sys; print(*json.load(open(sys.argv[1]))[sys.argv[2]]["args"], sep="\n")' "$fixtures/bad/outcomes.json" "$1" | sed '/^$/d')
  migrate "$temp/src" "$temp/dest" "${args[@]}" >/dev/null || return 0
  python rc18 "$here/dump.py" "$temp/dest" "$fixtures/bad/$1/rc18.jsonl.gz"
}

python() {
  local release=$1
  shift
  "$synapse/$release/bin/python" -W ignore "$@"
}

migrate() {
  local src=$1 dest=$2
  shift 2
  PYTHONPATH=$here python rc18 -m synapse.tools.migrate_020 --src "$src" --dest "$dest" --log-level CRITICAL "$@" 2>/dev/null
}

main "$@"
