#!/usr/bin/env bash
# Submits all jobs of one migration, each waiting for those that it needs: submit.sh SRC DEST [option of `part plan`]...
# Prints the jobs, for wait.sh. Again after a failure: what is done already ends at once.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export SRC=$1 DEST=$2
shift 2

# submit NAME DEPENDENCY [option of sbatch]... -- [argument of part.sh]...
submit() {
  local name=$1 dependency=$2 options=()
  shift 2
  while [ "$1" != -- ]; do options+=("$1") && shift; done
  shift
  # what waits for a job that failed would wait forever
  sbatch --parsable --job-name="migrate-$name" --dependency="$dependency" --kill-on-invalid-dep=yes "${options[@]}" \
    "$here/part.sh" "$@"
}

plan=$(srun --ntasks=1 --job-name=migrate-plan synapse-migrator part plan --src "$SRC" --dest "$DEST" "$@" --json)
layers=$(node -p 'JSON.parse(fs.readFileSync(0)).layers.map((l) => `${l.iden} ${l.extract} ${l.merge} ${l.splices}`).join("\n")' <<<"$plan")

cell=$(submit cell '' -- cell)
jobs=$cell
finished=afterok:$cell
lock=$cell # cell and finish hold the lock of the destination: each starts after the one before, however that ended
while read -r layer extract merge splices; do
  extracts=$(submit extract '' --array="1-$extract" -- extract "$layer" "$extract")
  merges=$(submit merge "afterok:$extracts" --array="1-$merge" -- merge "$layer" "$merge")
  needs=afterok:$cell:$merges jobs+=" $extracts $merges"
  if [ "$splices" != 0 ]; then
    history=$(submit splices '' --array="1-$splices" -- splices "$layer" "$splices")
    needs+=:$history jobs+=" $history"
  fi
  lock=$(submit finish-layer "$needs,afterany:$lock" -- finish "$layer")
  finished+=:$lock jobs+=" $lock"
done <<<"$layers"
jobs+=" $(submit finish "$finished" -- finish)"
echo "$jobs"
