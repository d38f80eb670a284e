#!/usr/bin/env bash
# Makes test/fixtures/old: small Cortexes of old releases, and what 0.1.58 makes of each when it starts on it. Needs Python 3.7
# (PYTHON37) and what test/oracle/setup.sh has installed. Idens and times are others each time.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
oracle=${SYNAPSE_ORACLE_DIR:-$HOME/.cache/synapse-migrator/oracle}
old=${SYNAPSE_OLD_DIR:-$HOME/.cache/synapse-migrator/oracle-old}
to=$here/../fixtures/old
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# release, name of the fixture, further options
make_one() {
  local release=$1 name=$2
  shift 2
  "$here/setup_old.sh" "$release"
  "$old/$release/bin/python" -W ignore "$here/gen_old_cortex.py" "$tmp/$name" --nodes 2 "$@"
  rm -rf "$tmp/$name"/{sock,axon,cookie.secret,sslcert.pem,sslkey.pem}
  (cd "$tmp/$name" && find . -name lock.mdb -delete && find . -path './slabs/prov*' -prune -exec rm -rf {} + && tar --sort=name -Scf - . | gzip -9n >"$to/$name.tar.gz")
  "$oracle/01x/bin/python" -W ignore "$here/upgraded_rows.py" "$tmp/$name" --start | gzip -9n >"$to/$name.jsonl.gz"
  ls -l "$to/$name".*
}

mkdir -p "$to"
make_one 0.1.0 before-0.1.0 --old-names
make_one 0.1.0 0.1.0
make_one 0.1.31 0.1.31
make_one 0.1.51 0.1.51
