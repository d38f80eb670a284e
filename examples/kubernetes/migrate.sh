#!/usr/bin/env bash
# Runs a migration in Kubernetes, each step as an indexed Job of job.yaml: migrate.sh [option of `part plan`]...
# Ends with the exit code of the step that failed. Again after a failure: what is done already ends at once.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

# start JOB PARTS STEP [option]...
start() {
  local job=migrate-$1 parts=$2
  shift 2
  kubectl delete job "$job" --ignore-not-found >&2
  sed "s|JOB|$job|; s|PARTS|$parts|; s|STEP|$*|" "$here/job.yaml" | kubectl create --filename - >&2
}

# finished JOB: waits for its end, and ends this script if it failed
finished() {
  local job=migrate-$1 conditions='' codes
  until [[ "$conditions" = *Complete=True* ]]; do
    sleep "${POLL_SECONDS:-5}"
    conditions=$(kubectl get job "$job" --output 'jsonpath={range .status.conditions[*]}{.type}={.status} {end}')
    if [[ "$conditions" = *Failed=True* ]]; then
      codes=$(kubectl get pods --selector "job-name=$job" \
        --output 'jsonpath={range .items[*]}{.status.containerStatuses[0].state.terminated.exitCode}{"\n"}{end}')
      echo "$job failed, its pods with exit codes" $codes >&2
      exit "$(printf '1\n%s\n' "$codes" | sort -n | tail -n 1)"
    fi
  done
}

start plan 1 plan --json "$@"
finished plan
layers=$(kubectl logs job/migrate-plan | node -p 'JSON.parse(fs.readFileSync(0)).layers.map((l) => `${l.iden} ${l.extract} ${l.merge} ${l.splices}`).join("\n")')
start cell 1 cell
finished cell
while read -r layer extract merge splices; do
  part='--part $((JOB_COMPLETION_INDEX + 1))'
  start extract "$extract" extract --layer "$layer" "$part/$extract"
  [ "$splices" = 0 ] || start splices "$splices" splices --layer "$layer" "$part/$splices"
  finished extract
  start merge "$merge" merge --layer "$layer" "$part/$merge"
  finished merge
  [ "$splices" = 0 ] || finished splices
  start finish-layer 1 finish --layer "$layer"
  finished finish-layer
done <<<"$layers"
start finish 1 finish
finished finish
