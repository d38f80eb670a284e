#!/usr/bin/env bash
# Migrates one Cortex: migrate-one.sh SRC DEST LOGS [option of migrate_020]... Leaves LOGS/<name>.log and LOGS/<name>.exit, its exit
# code. Again after an interruption it goes on where that one stopped; after a success it does nothing.
set -euo pipefail
src=$1 dest=$2 logs=$3/$(basename "$1")
shift 3

[ "$(cat "$logs.exit" 2>/dev/null)" != 0 ] || exit 0
rm -f "$logs.exit"
code=0
migrate_020 --src "$src" --dest "$dest" --from-last "$@" >"$logs.log" 2>&1 || code=$?
echo "$code" >"$logs.exit"
exit "$code"
