#!/bin/sh
# usage: slurm-down.sh DIR      stops only what slurm-up.sh started there
for f in "$1"/slurmd.*.pid "$1/slurmctld.pid" "$1/munge/pid"; do
  [ -s "$f" ] || continue; p=$(cat "$f"); kill "$p" 2>/dev/null || continue
  i=0; while kill -0 "$p" 2>/dev/null && [ "$i" -lt 40 ]; do sleep 0.25; i=$((i+1)); done
done
