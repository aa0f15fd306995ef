#!/bin/sh
#SBATCH --job-name=hpo
#SBATCH --ntasks=9
#SBATCH --cpus-per-task=2
#SBATCH --time=08:00:00
# A Dask scheduler and eight workers for the time of this job, and a search that trains on them:
#
#     sbatch slurm.sh hpo search --trainer my_model.py:train --space learning_rate=1e-5:1:log --ahead 8
#
# If the job's time is over before the search is, submit it again: sbatch slurm.sh hpo resume my_model-train
set -eu

protocol=${DASK_PROTOCOL:-tcp}  # tls, with the certificates of docs/cluster.md
port=${DASK_PORT:-8786}
address="$protocol://$(hostname):$port"

dask scheduler --protocol "$protocol" --port "$port" --no-dashboard &
scheduler=$!
srun --ntasks=$((SLURM_NTASKS - 1)) dask worker "$address" --nthreads 1 --no-dashboard --death-timeout 600 &
workers=$!
trap 'kill "$workers" "$scheduler" 2>/dev/null || true' EXIT

"$@" --executor "dask:$address"
