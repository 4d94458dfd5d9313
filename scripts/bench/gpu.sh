#!/usr/bin/env bash
# All that is to be measured on one GPU, in five minutes at most: images a second of the paper's networks at two batch
# sizes, a whole run on drawn faces, the tests that need a GPU, and a run of the paper's size, both runs by phase.
#
#   scripts/bench/gpu.sh [FOLDER]        # results as they come, as text and Markdown; default outputs/gpu
#   PYTHON=.venv/bin/python scripts/bench/gpu.sh
#   DEVICE=cpu QUICK=1 scripts/bench/gpu.sh   # the same commands at a tiny size, to try the script without a GPU
#   SECONDS_LEFT=600 scripts/bench/gpu.sh     # where there is more time, which the run of the paper's size gets
#
# What has no time left is told in summary.txt, which holds the tables of all that has. The exit code is 1 if anything
# did not end well or had no time left.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
results=$(mkdir -p "${1:-$root/outputs/gpu}" && cd "${1:-$root/outputs/gpu}" && pwd) || exit
python=$(command -v "${PYTHON:-python3}") || { echo "no such program: ${PYTHON:-python3}" >&2; exit 127; }
python=$(realpath -s "$python") # a virtual environment is known by where its link lies
device=${DEVICE:-cuda}
deadline=$((SECONDS + ${SECONDS_LEFT:-295}))
failed=0
export PYTHONPATH="$root/src${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
cd "$root"

# NAME SECONDS COMMAND...: what it prints goes to NAME.txt, and how it ended to summary.txt, with its table if it has one.
measure() {
  local name=$1 limit=$2 begun=$SECONDS left=$((deadline - SECONDS)) code=0
  shift 2
  if [ "$left" -lt 10 ]; then
    echo "$name: no time left" | tee -a "$results/summary.txt"
    failed=$((failed + 1))
    return
  fi
  timeout --kill-after=5 $((limit < left ? limit : left)) "$@" >"$results/$name.txt" 2>&1 || code=$?
  echo "$name: exit code $code after $((SECONDS - begun)) s" | tee -a "$results/summary.txt"
  [ "$code" -eq 0 ] || failed=$((failed + 1))
  [ ! -f "$results/$name/table.md" ] || grep '^|\|^`' "$results/$name/table.md" | tee -a "$results/summary.txt"
}

# NAME OPTION...: of the training step.
training() {
  local name=$1
  shift
  measure "$name" 60 "$python" scripts/bench/training.py --device "$device" --page "$results/$name/table.md" --rounds 3 "$@"
}

# NAME SECONDS OVERRIDE...: of a whole run, by phase. The run stays, so that its log tells how far it came if it has to end.
phases() {
  local name=$1 limit=$2
  shift 2
  rm -rf "$results/runs/$name"
  measure "$name" "$limit" "$python" scripts/bench/phases.py "trainer.device=$device" "$@" \
    --page "$results/$name/table.md" --run "$results/runs/$name"
}

rm -f "$results"/*/table.md
: >"$results/summary.txt"
if [ "$device" = cuda ]; then
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | tee -a "$results/summary.txt"
fi
if [ -n "${QUICK:-}" ]; then
  small=(data.samples=200 data.size=16 'views.face.arch.channels=[8,16]' schedule.sweeps=20 evaluation.judge.epochs=1)
  short=("${small[@]}" schedule.alone_epochs=2 schedule.rounds=1)
  paper=("${small[@]}" schedule.alone_epochs=3 schedule.rounds=1 data.samples=240)
  step=(--steps 1 --channels 8 16 --side 16 --latent 4 --rivals)
  batches=(--batch 64 "${step[@]}") large_batches=(--batch 128 "${step[@]}")
else
  short=()
  # The paper's: 30,000 images of 64 x 64 pixels, 40 epochs alone and 4 rounds.
  paper=(data.samples=30000 arch@views.face.arch=conv64 views.face.latent=100
    schedule.alone_epochs=40 schedule.rounds=4 schedule.round_epochs=5)
  batches=(--batch 64 --steps 100) large_batches=(--batch 1024 --steps 20 --rivals)
fi
# The pictures of the paper's size take one core a minute; the run finds them in the cache.
timeout 200 "$python" -m favae_cli task=check experiment=avatars_condition "${paper[@]}" trainer.device=cpu \
  >"$results/pictures.txt" 2>&1 &
pictures=$!

training batch_64 "${batches[@]}"
training batch_1024 "${large_batches[@]}"
phases avatars_condition 150 experiment=avatars_condition "${short[@]}"
measure tests 120 "$python" -m pytest -m gpu -rs tests/training/test_gpu.py tests/experiments/test_gpu.py
wait "$pictures"
echo "pictures: exit code $?" | tee -a "$results/summary.txt"
phases paper_size $((deadline - SECONDS)) experiment=avatars_condition "${paper[@]}"
exit $((failed > 0))
