#!/usr/bin/env bash
# Runs Slurm with one node, without systemd: `slurm.sh DIR` keeps all its files in DIR (which all may enter, as munged demands),
# prints "ready" when jobs can run, and stops with its standard input. Needs root.
#
# Its configuration is where Slurm looks for it by itself, /etc/slurm, but only for those who share our mount namespace:
# `nsenter --mount=/proc/$PID/ns/mnt COMMAND`. (Snakemake deletes SLURM_CONF, as all variables of that name, before it submits.)
set -euo pipefail

if [ "${2:-}" != inside ]; then exec unshare --mount "$0" "$1" inside; fi
dir=$1
mkdir -p "$dir"/{etc,state,spool}
chmod 755 "$dir"
mount --bind "$dir/etc" /etc/slurm

cat >"$dir/etc/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=${SLURM_TEST_PORT:-26817}
SlurmdPort=$((${SLURM_TEST_PORT:-26817} + 1))
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge.sock
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
# no cgroups of our own: the machine may be a container
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# what waits for another job starts at once
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
# jobs that ended can be asked about for as long as a test runs
MinJobAge=3600
# the node has more cores than the machine, so that jobs that wait do not keep others waiting
SlurmdParameters=config_overrides
NodeName=localhost NodeAddr=127.0.0.1 CPUs=16 RealMemory=16000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
echo 'CgroupPlugin=cgroup/v1' >"$dir/etc/cgroup.conf"
head -c 128 /dev/urandom >"$dir/munge.key"
chmod 600 "$dir/munge.key"

munged --foreground --key-file="$dir/munge.key" --socket="$dir/munge.sock" --pid-file="$dir/munged.pid" \
  --log-file="$dir/munged.log" --seed-file="$dir/munge.seed" </dev/null >"$dir/munged.out.log" 2>&1 &
daemons=($!)
trap 'kill "${daemons[@]}" 2>/dev/null; wait' EXIT
until [ -S "$dir/munge.sock" ]; do
  kill -0 "${daemons[0]}" 2>/dev/null || { cat "$dir/munged.out.log" >&2 && exit 1; }
  sleep 0.1
done
slurmctld -D </dev/null >"$dir/slurmctld.log" 2>&1 &
daemons+=($!)
slurmd -D -N localhost </dev/null >"$dir/slurmd.log" 2>&1 &
daemons+=($!)

for _ in $(seq 100); do
  if [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ]; then
    echo ready
    cat >/dev/null
    exit 0
  fi
  sleep 0.2
done
tail -n 20 "$dir"/*.log >&2
exit 1
