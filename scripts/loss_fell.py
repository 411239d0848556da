#!/usr/bin/env python3
"""Shows how the loss went in a run's metrics.jsonl, and fails unless it fell clearly.

    scripts/loss_fell.py RUN/metrics.jsonl
"""

import json
import sys

NUM_POINTS = 10
CLEARLY = 0.75  # of the first loss


def main(path):
    with open(path, encoding="utf-8") as lines:
        records = [record for record in map(json.loads, lines) if "loss" in record]
    if len(records) < 2:
        sys.exit(f"error: {path}: expected at least two logged steps, found {len(records)}: train for longer")
    first, last = records[0]["loss"], sum(record["loss"] for record in records[-3:]) / len(records[-3:])
    stride = max(1, (len(records) - 1) // NUM_POINTS)
    for record in records[::stride]:
        print(f"step {record['step']:>6}  loss {record['loss']:6.3f}  {'#' * round(4 * record['loss'])}")
    print(f"loss {first:.3f} -> {last:.3f} (mean of the last {len(records[-3:])} records)")
    if not last < CLEARLY * first:
        sys.exit(f"error: {path}: expected the loss to fall below {CLEARLY * first:.3f}, found {last:.3f}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
