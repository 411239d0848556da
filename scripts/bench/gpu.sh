#!/usr/bin/env bash
# Checks drbert on a CUDA device against the CPU, then times its step. Prints a short table last.
#
#   scripts/bench/gpu.sh SHARDS WORK [DEVICE]
#
# SHARDS is a shard directory, WORK a folder for what the runs leave. DRBERT names the program (default target/release/drbert); on a
# machine other than the one that built it, set LD_LIBRARY_PATH to that machine's torch/lib. DEVICE is cuda unless told otherwise.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
shards=$1 work=$2 device=${3:-cuda}
drbert=${DRBERT:-$(dirname "${BASH_SOURCE[0]}")/../../target/release/drbert}
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

train() { # train NAME DEVICE PRECISION [FLAG...]
    local name=$1 on=$2 precision=$3
    shift 3
    "$drbert" train --config "$work/small.toml" --set train.device="$on" --set train.precision="$precision" --set train.output="$work/$name" "$@" \
        >"$work/$name.log" 2>&1 || { cat "$work/$name.log" >&2; return 1; }
}

settings "$work/small.toml" 4 256 4 8
settings "$work/base.toml" 12 768 12 "${ROWS:-64}"
rm -rf "$work"/run-*
train run-reference cpu fp32
train run-fp32 "$device" fp32
train run-bf16 "$device" bf16
for kernels in plain fused; do
    train run-$kernels "$device" bf16 --set train.kernels=$kernels --set train.steps="${LONG_STEPS:-200}" --set eval.rows=0
done
train run-whole "$device" fp32 --set train.deterministic=true
train run-parts "$device" fp32 --set train.deterministic=true --set checkpoint.interval_steps=10
rm -r "$work/run-parts/checkpoints/step-00000020"
train run-parts "$device" fp32 --set train.deterministic=true --resume
for precision in fp32 bf16; do
    for kernels in plain fused; do
        "$drbert" bench step --config "$work/base.toml" --set train.device="$device" --set train.precision=$precision --set train.kernels=$kernels --json \
            >"$work/step-$precision-$kernels.json"
    done
done
python3 "$(dirname "${BASH_SOURCE[0]}")/gpu_table.py" "$work"
