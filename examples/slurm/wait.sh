#!/usr/bin/env bash
# Waits until all jobs have ended: wait.sh JOB... Prints what failed, and ends with the highest exit code of a command, or with 1
# when no command failed by itself.
set -euo pipefail
ids=$*
srun --ntasks=1 --job-name=migrate-end --dependency="afterany:${ids// /:}" true

worst=0
for job in "$@"; do
  # JobId=7 ArrayJobId=5 ArrayTaskId=2 JobName=migrate-extract … JobState=FAILED … ExitCode=5:0 (0:9: killed by signal 9)
  while read -r name state code signal task; do
    [ "$state" = COMPLETED ] && continue
    echo "$name, job $job${task:+_$task}: $state, exit code $code, signal $signal" >&2
    [ "$code" != 0 ] || code=1
    [ "$code" -le "$worst" ] || worst=$code
  done < <(scontrol --oneliner show job "$job" | sed -nE 's/^JobId=\S+ (.*ArrayTaskId=(\S+) .*)?JobName=(\S+) .* JobState=(\S+) .* ExitCode=([0-9]+):([0-9]+).*/\3 \4 \5 \6 \2/p')
done
exit "$worst"
