#!/bin/sh
# usage: slurm-up.sh DIR [NODES]     prints the path of an env file to source
set -eu
D=$(mkdir -p "$1" && cd "$1" && pwd -P); N=${2:-1}
H=$(hostname -s); U=$(id -un); umask 022
mkdir -p "$D/munge" "$D/state" "$D/log"; chmod 711 "$D/munge"; : > "$D/plugstack.conf"

head -c 128 /dev/urandom > "$D/munge/key"; chmod 400 "$D/munge/key"
munged --force --num-threads=2 --key-file="$D/munge/key" --socket="$D/munge/sock" \
       --pid-file="$D/munge/pid" --log-file="$D/log/munged.log" --seed-file="$D/munge/seed"

P=$((20000 + $$ % 20000)); CPU=$(nproc)
MEM=$(awk '/^MemTotal/{print int($2/1024*0.8)}' /proc/meminfo)
if [ "$N" -gt 1 ]; then NODES="n[1-$N]"; PORTS="[$((P+1))-$((P+N))]"; else NODES=n1; PORTS=$((P+1)); fi
cat > "$D/slurm.conf" <<CONF
ClusterName=hsitest
SlurmctldHost=$H(127.0.0.1)
SlurmctldPort=$P
SlurmUser=$U
SlurmdUser=$U
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$D/munge/sock
StateSaveLocation=$D/state
SlurmdSpoolDir=$D/spool.%n
SlurmctldPidFile=$D/slurmctld.pid
SlurmdPidFile=$D/slurmd.%n.pid
SlurmctldLogFile=$D/log/slurmctld.log
SlurmdLogFile=$D/log/slurmd.%n.log
PlugStackConfig=$D/plugstack.conf
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=10
KillWait=2
MinJobAge=600
MpiDefault=none
NodeName=$NODES NodeHostname=$H NodeAddr=127.0.0.1 Port=$PORTS CPUs=$CPU RealMemory=$MEM State=UNKNOWN
PartitionName=test Nodes=ALL Default=YES MaxTime=60 State=UP
CONF
export SLURM_CONF="$D/slurm.conf"
slurmctld -c -i
i=1; while [ "$i" -le "$N" ]; do mkdir -p "$D/spool.n$i"; slurmd -c -N "n$i"; i=$((i+1)); done
echo "export SLURM_CONF=$D/slurm.conf" > "$D/env.sh"
i=0
while [ "$i" -lt 60 ]; do
  if [ "$(sinfo -h -N -o %t 2>/dev/null | grep -c idle)" -ge "$N" ]; then echo "$D/env.sh"; exit 0; fi
  sleep 0.5; i=$((i+1))
done
tail -n 20 "$D"/log/*.log >&2; exit 1
