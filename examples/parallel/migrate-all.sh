#!/usr/bin/env bash
# Migrates every Cortex in a directory, JOBS at a time: migrate-all.sh SRCS DESTS [option of migrate_020]...
# Ends with 0 when all did, else with how many did not. Again: it tries those that did not end with 0.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
srcs=$1 dests=$2
shift 2

jobs=${JOBS:-$((($(nproc) + 3) / 4))}
workers=$((($(nproc) + jobs - 1) / jobs))
mkdir -p "$dests/logs"
parallel --quote --jobs "$jobs" "$here/migrate-one.sh" {} "$dests/{/}" "$dests/logs" --workers "$workers" "$@" ::: "$srcs"/*
