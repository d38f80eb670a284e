#!/usr/bin/env bash
#SBATCH --ntasks=1 --cpus-per-task=4 --mem=2G --output=%x-%j.log
# One job of submit.sh, or one task of its array: part.sh STEP [LAYER [PARTS]]. Ends with the exit code of the command.
set -euo pipefail
options=(--src "$SRC" --dest "$DEST")
[ $# -lt 2 ] || options+=(--layer "$2")
[ $# -lt 3 ] || options+=(--part "$SLURM_ARRAY_TASK_ID/$3" --workers "$SLURM_CPUS_PER_TASK")
exec synapse-migrator part "$1" "${options[@]}" --json
