#!/usr/bin/env bash
# Time to quality: DrBERT's recipe run by the Hugging Face Trainer for SECONDS, drbert-modern.toml run by drbert for a third of that, and the
# losses of the models on the same held-out rows. Prints a table.
#
#   scripts/bench/quality.sh SHARDS WORK [SECONDS [DEVICE]]
#
# SHARDS is a shard directory of one shard, WORK a folder that takes what is installed and written, SECONDS is 240 unless given, DEVICE cpu or cuda. Which models they are is in
# quality.py. On a CPU the seconds are those of all threads, so that other programs on the machine change little. DRBERT names the program (default target/release/drbert). Shards that
# the small model for a CPU learns from in minutes, of text that this repository makes:
#
#   scripts/sample_corpus.py --output sample.txt
#   nachos train-tokenizer --input sample.txt --output tokenizer --vocab-size 1000
#   nachos build --input sample.txt --tokenizer tokenizer --output SHARDS --set pack.max_seq_len=128
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,14s/^# \{0,1\}//p' "$0" >&2 && exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
shards=$(realpath "$1")
mkdir -p "$2" && cd "$2"
. "$root/scripts/bench/peer_packages.sh"
export OMP_WAIT_POLICY=passive # threads that wait use no processor time, ours and the peer's
with_peers "$root/scripts/bench/quality.py" "$shards" "${DRBERT:-$root/target/release/drbert}" "${3:-240}" "${4:-cpu}"
