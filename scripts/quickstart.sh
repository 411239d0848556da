#!/usr/bin/env bash
# From a fresh clone to a small French medical language model that fills a gap, in a few minutes on two cores.
#
#   scripts/quickstart.sh
#
# Run again, it does only what is missing. Everything lies in quickstart/, or in the folder that QUICKSTART_DIR names.
# QUICKSTART_STEPS trains for another number of steps than scripts/quickstart.toml says.
set -euo pipefail
trap report_failure EXIT

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=${QUICKSTART_DIR:-$root/quickstart}
settings=$root/scripts/quickstart.toml
steps=${QUICKSTART_STEPS:-$(sed -n 's/^steps = //p' "$settings")}
sentence="La patiente est atteinte d'une <mask>."
nachos=$root/target/release/nachos
drbert=$root/target/release/drbert
stage="start"
number=0

report_failure() {
    local status=$?
    [ $status = 0 ] || printf 'quickstart: error: stage "%s" failed (exit code %s); mend the cause above and run this again\n' "$stage" $status >&2
}

begin() { # begin NAME: the heading of a stage
    stage=$1
    number=$((number + 1))
    printf '\n== %2d/10  %s  [%d:%02d]\n' $number "$stage" $((SECONDS / 60)) $((SECONDS % 60))
}

already() { # already FILE: is the product of this stage there?
    [ -e "$1" ] && printf 'done before: %s\n' "$1"
}

mkdir -p "$work"
work=$(cd "$work" && pwd)
cd "$root"

begin "set-up"
scripts/setup.sh run

begin "build"
cargo build --release --package pipeline --package trainer

begin "sample corpus"
for part in train heldout; do
    already "$work/$part.txt" && continue
    if [ "$part" = train ]; then size=6 seed=0; else size=0.2 seed=1; fi
    python3 scripts/sample_corpus.py --output "$work/$part.unfinished" --megabytes $size --seed $seed
    mv "$work/$part.unfinished" "$work/$part.txt"
    printf '%s: %s documents, %s bytes\n' "$work/$part.txt" "$(grep -c '^$' "$work/$part.txt")" "$(wc -c <"$work/$part.txt")"
done

begin "tokenizer"
if ! already "$work/tokenizer"; then
    rm -rf "$work/tokenizer.unfinished"
    "$nachos" train-tokenizer --input "$work/train.txt" --output "$work/tokenizer.unfinished" --vocab-size 8000
    mv "$work/tokenizer.unfinished" "$work/tokenizer"
fi

begin "shards"
for part in train heldout; do
    already "$work/$part/manifest.json" && continue
    rm -rf "${work:?}/$part"
    "$nachos" build --input "$work/$part.txt" --tokenizer "$work/tokenizer" --output "$work/$part" --set pack.max_seq_len=64
done

begin "verify"
"$nachos" verify "$work/train"
"$nachos" inspect "$work/train" --rows 1

begin "train"
checkpoint=$work/run/checkpoints/step-$(printf '%08d' "$steps")
already "$checkpoint/state.json" ||
    "$drbert" train --config "$settings" --resume \
        --set "data.shards=$work/train" --set "train.output=$work/run" --set "train.steps=$steps"
[ -e "$checkpoint/state.json" ] || { echo "training was stopped early: run this again to go on" >&2 && exit 1; }
python3 scripts/loss_fell.py "$work/run/metrics.jsonl"

begin "export"
if ! already "$work/model/config.json"; then
    rm -rf "$work/model"
    "$drbert" export "$checkpoint" --output "$work/model"
fi

begin "evaluate"
"$drbert" evaluate --model "$work/model" --shards "$work/heldout"

begin "fill the mask"
"$drbert" fill-mask --model "$work/model" "$sentence"

stage="end"
cat <<END

Done in $((SECONDS / 60)) min $((SECONDS % 60)) s. Everything lies in $work:
  train.txt  tokenizer/  train/ (shards)  run/ (checkpoints, metrics.jsonl, tensorboard/)  model/ (for transformers)

Next:
  # your own text (.txt .jsonl .parquet, also .gz .zst .xz), with this tokenizer
  $nachos build --input YOUR_TEXT --tokenizer "$work/tokenizer" --output YOUR_SHARDS
  # questions about the shards
  $nachos inspect "$work/train" --sql "select verdict, count(*) from documents group by verdict"
  # the model directory of another checkpoint
  $drbert export "$checkpoint" --output YOUR_MODEL
  # curves (after scripts/setup.sh test)
  .venv/bin/tensorboard --logdir "$work/run/tensorboard"
END
