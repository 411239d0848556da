#!/usr/bin/env bash
# Checks drbert on a CUDA device against the CPU, its fast kernels against the plain ones, CUDA graphs against none, and its own kernels with
# compute-sanitizer if that is found, then times its step beside Hugging Face Trainer's. Prints a short table last, which also says what failed.
#
#   scripts/bench/gpu.sh SHARDS WORK [DEVICE]
#
# SHARDS is a shard directory, WORK a folder for what the runs leave. DRBERT names the program (default target/release/drbert); on a
# machine other than the one that built it, set LD_LIBRARY_PATH to that machine's torch/lib. DEVICE is cuda unless told otherwise. PYTHON (python3) has
# torch, transformers, accelerate and pyarrow, or Hugging Face Trainer is left out. CURVE_STEPS (300) is the length of the compared runs, ROWS (64) the rows of a timed step,
# MORE_ROWS (128 256) those of others, GRAPH_ROWS (2 4 16) those of the micro-batches of steps, of four each, that are timed with CUDA graphs and
# without. PARTS (check time peer) says what is done; quality beside them compares the base model's recipes (quality.py), QUALITY_SECONDS (120) for Hugging Face Trainer.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2; }
shards=$1 work=$2 device=${3:-cuda}
scripts=$(dirname "${BASH_SOURCE[0]}")
drbert=${DRBERT:-$scripts/../../target/release/drbert}
parts=" ${PARTS:-check time peer} "
mkdir -p "$work"

settings() { # settings FILE LAYERS HIDDEN HEADS ROWS: a configuration without dropout
    cat >"$1" <<END
[data]
shards = "$shards"
micro_batch_size = $5
global_batch_size = $5
[model]
num_hidden_layers = $2
hidden_size = $3
num_attention_heads = $4
intermediate_size = $(($3 * 4))
hidden_dropout_prob = 0.0
attention_probs_dropout_prob = 0.0
[train]
steps = 20
[log]
interval_steps = 1
[eval]
rows = 8
END
}

train() { # train NAME DEVICE PRECISION [FLAG...]: a run of the small model; the table tells if it failed
    local name=$1 on=$2 precision=$3
    shift 3
    "$drbert" train --config "$work/small.toml" --set train.device="$on" --set train.precision="$precision" --set train.output="$work/$name" "$@" \
        >"$work/$name.log" 2>&1 || { echo "$name failed: $(tail -n 1 "$work/$name.log")" >&2; return 1; }
}

resumed() { # a run that goes on from its middle
    train run-parts "$device" fp32 --set train.deterministic=true --set checkpoint.interval_steps=10 || return
    rm -r "$work/run-parts/checkpoints/step-00000020"
    train run-parts "$device" fp32 --set train.deterministic=true --resume
}

sanitize() { # sanitize TOOL PRECISION: two steps of the small model, of which our kernels alone are watched
    local status=0
    "$sanitizer" --tool "$1" --kernel-name kernel_substring=drbert --error-exitcode 1 "$drbert" train --config "$work/small.toml" --set train.device="$device" \
        --set train.precision="$2" --set train.kernels=fused --set train.steps=2 --set train.output="$work/run-$1" >"$work/sanitizer-$1.log" 2>&1 || status=$?
    echo $status >"$work/sanitizer-$1.status"
}

step() { # step NAME SETTING...
    local name=$1
    shift
    "$drbert" bench step --config "$work/base.toml" --set train.device="$device" "${@/#/--set=}" --json >"$work/step-$name.json" 2>"$work/step-$name.log" ||
        echo "step-$name failed: $(tail -n 1 "$work/step-$name.log")" >&2
}

settings "$work/small.toml" 4 256 4 8
settings "$work/base.toml" 12 768 12 "${ROWS:-64}"

if [[ $parts == *" check "* ]]; then # side by side: nothing is timed
    rm -rf "$work"/run-* "$work"/sanitizer-*
    curve=(--set train.steps="${CURVE_STEPS:-300}" --set optimizer.peak_learning_rate=1e-3 --set schedule.warmup_steps=30)
    train run-reference cpu fp32 &
    train run-fp32 "$device" fp32 &
    train run-bf16 "$device" bf16 &
    train run-whole "$device" fp32 --set train.deterministic=true &
    resumed &
    train run-fast "$device" bf16 --set train.deterministic=true &
    train run-again "$device" bf16 --set train.deterministic=true &
    train run-curve-fp32 "$device" fp32 "${curve[@]}" &
    train run-curve-auto "$device" bf16 "${curve[@]}" &
    train run-curve-plain "$device" bf16 --set train.kernels=plain "${curve[@]}" &
    train run-curve-graphs "$device" bf16 --set train.cuda_graphs=true "${curve[@]}" &
    if [ "$device" != cpu ] && sanitizer=$(command -v compute-sanitizer || command -v "${CUDA_HOME:-/usr/local/cuda}/bin/compute-sanitizer"); then
        sanitize memcheck bf16 &
        sanitize synccheck bf16 &
        sanitize racecheck fp32 & # which does not get over libraries' products in 16 bits
    fi
    wait
fi
if [[ $parts == *" time "* ]]; then
    rm -f "$work"/step-*.json "$work"/step-*.log
    step fp32 train.precision=fp32
    step bf16-plain train.precision=bf16 train.kernels=plain
    step bf16-rows-"${ROWS:-64}" train.precision=bf16
    step bf16-deterministic train.precision=bf16 train.deterministic=true
    for rows in ${MORE_ROWS:-128 256}; do
        step "bf16-rows-$rows" train.precision=bf16 data.micro_batch_size="$rows" data.global_batch_size="$rows"
    done
    step bf16-graphs train.precision=bf16 train.cuda_graphs=true
    for rows in ${GRAPH_ROWS:-2 4 16}; do # micro-batches that the host is too slow for
        for graphs in false true; do
            step "bf16-rows-$rows-graphs-$graphs" train.precision=bf16 train.cuda_graphs=$graphs data.micro_batch_size="$rows" data.global_batch_size=$((4 * rows))
        done
    done
fi
if [[ $parts == *" peer "* ]] && [ "$device" != cpu ]; then # Hugging Face Trainer has a step of its own on the CPU: scripts/bench/cpu.sh
    rm -f "$work"/peer-*
    for rows in ${ROWS:-64} ${MORE_ROWS:-128 256}; do
        ROWS=$rows "${PYTHON:-python3}" "$scripts/train_peers.py" step-cuda "$shards" >"$work/peer-rows-$rows.txt" 2>"$work/peer-rows-$rows.log" ||
            echo "Hugging Face Trainer failed: $work/peer-rows-$rows.log" >&2
    done
fi
if [[ $parts == *" quality "* ]] && [ "$device" != cpu ]; then
    mapfile -t paths < <(realpath "$scripts/quality.py" "$shards" "$drbert")
    mkdir -p "$work/quality"
    (cd "$work/quality" && "${PYTHON:-python3}" "${paths[@]}" "${QUALITY_SECONDS:-120}" cuda 2>quality.log) || echo "the recipes' comparison failed: $work/quality/quality.log" >&2
fi
"${PYTHON:-python3}" "$scripts/gpu_table.py" "$work"
