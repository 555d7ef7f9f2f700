#!/bin/bash
# Run a command beside a Slurm of one node: bash tests/slurm/cluster.sh COMMAND...
#
# Installs slurmctld, slurmd, slurm-client and munge from Debian's packages where they are missing (as root). All state
# lies in one folder that is removed at the end, and the daemons, which are stopped then, need neither systemd nor cgroups.
set -euo pipefail

for program in munged slurmctld slurmd sbatch; do
    if ! PATH="$PATH:/usr/sbin" command -v $program > /dev/null; then
        [ "$(id -u)" = 0 ] || { echo "error: $program is missing; apt-get install munge slurmctld slurmd slurm-client" >&2; exit 1; }
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends munge slurmctld slurmd slurm-client > /dev/null
        break
    fi
done
[ "$(id -u)" = 0 ] || { echo "error: slurmd must be started as root" >&2; exit 1; }

export PATH="$PATH:/usr/sbin"
folder=$(mktemp -d /tmp/regmix-slurm.XXXXXX)
export SLURM_CONF="$folder/slurm.conf"
daemons=()

stop() {
    scancel --user="$(id -un)" 2> /dev/null || true
    for pid in "${daemons[@]}"; do kill "$pid" 2> /dev/null || true; done
    for pid in "${daemons[@]}"; do wait "$pid" 2> /dev/null || true; done
    rm -rf "$folder"
}
trap stop EXIT

host=$(hostname -s)
mkdir "$folder/state" "$folder/spool"
chmod 755 "$folder"
cat > "$SLURM_CONF" << CONF
ClusterName=regmix
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=26817
SlurmdPort=26818
AuthInfo=socket=$folder/munge.socket
SlurmUser=root
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
JobRequeue=1
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=small Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF

head -c 1024 /dev/urandom > "$folder/munge.key"
chmod 600 "$folder/munge.key"
munged --foreground --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munge.pid" \
    --seed-file="$folder/munge.seed" --log-file="$folder/munge.log" > /dev/null 2>&1 &
daemons+=($!)
slurmctld -D > /dev/null 2>&1 &
daemons+=($!)
slurmd -D -N "$host" > /dev/null 2>&1 &
daemons+=($!)

for _ in $(seq 60); do
    if sinfo --noheader --format=%t 2> /dev/null | grep -q idle; then break; fi
    sleep 0.5
done
if ! sinfo --noheader --format=%t 2> /dev/null | grep -q idle; then
    tail -n 20 "$folder"/*.log >&2
    echo "error: the node did not become idle; see the logs above" >&2
    exit 1
fi
"$@"
