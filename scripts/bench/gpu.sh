#!/usr/bin/env bash
# All that is to be measured on one GPU, in under five minutes: images a second of the paper's networks at two batch
# sizes, a whole run on drawn faces and one of the paper's size by phase, and the tests that need a GPU.
#
#   scripts/bench/gpu.sh [FOLDER]        # results as they come, as text and Markdown; default outputs/gpu
#   PYTHON=.venv/bin/python scripts/bench/gpu.sh
#   DEVICE=cpu QUICK=1 scripts/bench/gpu.sh   # the same commands at a tiny size, to try the script without a GPU
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
results=$(mkdir -p "${1:-$root/outputs/gpu}" && cd "${1:-$root/outputs/gpu}" && pwd)
python=$(command -v "${PYTHON:-python3}")
device=${DEVICE:-cuda}
export PYTHONPATH="$root/src${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
cd "$root"

# NAME SECONDS COMMAND...: what it prints goes to NAME.txt, and how it ended to summary.txt.
measure() {
  local name=$1 limit=$2 begun=$SECONDS code=0
  shift 2
  timeout --kill-after=10 "$limit" "$@" >"$results/$name.txt" 2>&1 || code=$?
  echo "$name: exit code $code after $((SECONDS - begun)) s" | tee -a "$results/summary.txt"
}

# NAME STEPS SIZE...: of the training step.
training() {
  local name=$1
  shift
  measure "$name" 90 "$python" scripts/bench/training.py --device "$device" --page "$results/$name.md" --rounds 3 "$@"
}

# NAME OVERRIDE...: of a whole run, by phase.
phases() {
  local name=$1
  shift
  measure "$name" 120 "$python" scripts/bench/phases.py "trainer.device=$device" "$@" --page "$results/$name.md"
}

: >"$results/summary.txt"
if [ "$device" = cuda ]; then
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | tee -a "$results/summary.txt"
fi
if [ -n "${QUICK:-}" ]; then
  training batch_64 --batch 64 --steps 1 --channels 8 16 --side 16 --latent 4 --rivals
  training batch_1024 --batch 128 --steps 1 --channels 8 16 --side 16 --latent 4 --rivals
  small=(data.samples=200 data.size=16 'views.face.arch.channels=[8,16]' schedule.sweeps=20 evaluation.judge.epochs=1)
  phases avatars_condition experiment=avatars_condition "${small[@]}" schedule.alone_epochs=2 schedule.rounds=1
  phases paper_size experiment=avatars_condition "${small[@]}" schedule.alone_epochs=3 schedule.rounds=1
else
  training batch_64 --batch 64 --steps 100
  training batch_1024 --batch 1024 --steps 20 --rivals
  phases avatars_condition experiment=avatars_condition
  # The paper's: 30,000 images of 64 x 64 pixels, 40 epochs alone and 4 rounds.
  phases paper_size experiment=avatars_condition data.samples=30000 arch@views.face.arch=conv64 \
    views.face.latent=100 schedule.alone_epochs=40 schedule.rounds=4 schedule.round_epochs=5
fi
measure tests 150 "$python" -m pytest -m gpu -rs tests/training/test_gpu.py tests/experiments/test_gpu.py
