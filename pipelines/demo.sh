#!/usr/bin/env bash
# The main job, end to end, below .demo/: fetch, sweep, validate, deploy, replay, show.
#
#   DATA=candles.parquet   run on recorded candles instead of a synthetic market
#   EDGE=0                 synthetic market without the planted trend: everything must be refused
#
# Ends with 0 when a strategy was deployed, and when all were refused: both are answers.
set -euo pipefail

root=.demo
data=${DATA:-}
edge=${EDGE:-1}
here=(--root "$root" --run latest)
stored=(--store "$root/stores")

say() { printf '\n--- %s\n' "$*"; }

rm -rf "$root"
if [ -n "$data" ]; then
  say "fetch: recorded candles from $data"
  perpkit fetch --from-file "$data" --kind candles --interval 1h "${stored[@]}" --root "$root"
else
  say "fetch: a synthetic market, seed 1, planted trend x $edge (nothing real is in it)"
  perpkit fetch --synthetic --seed 1 --edge "$edge" "${stored[@]}" --root "$root"
fi

say "sweep: the grid of config/sweep.demo.yaml, on all but the holdout"
perpkit sweep config/sweep.demo.yaml "${stored[@]}" "${here[@]}"

say "validate: the best, on bars that the sweep has not seen"
code=0
survivors=$(perpkit validate latest "${stored[@]}" "${here[@]}" --gates config/gates.yaml) || code=$?
if [ "$code" -eq 1 ]; then
  best=$(perpkit show latest --root "$root" --json | python3 -c '
import json, sys
from pathlib import Path
run = Path(json.load(sys.stdin)["data"]["paths"][0])
run = run if run.is_dir() else run.parent
report = json.loads(next(run.glob("sweeps/*.json")).read_text())
print(run / "gates" / (report["body"]["top"][0]["config_id"] + ".json"))')
  say "refused: every candidate failed a gate, so nothing is deployed; the best of them"
  perpkit show "$best" --root "$root"
  say "summary: nothing deployed; the run holds"
  perpkit show latest --root "$root"
  exit 0
fi
[ "$code" -eq 0 ] || exit "$code"

config=$(printf '%s\n' "$survivors" | head -n 1)
gate=${config/\/configs\//\/gates\/}
gate=${gate%.yaml}.json

say "deploy: the best survivor into the lane demo"
perpkit deploy "$config" --lane demo --gate-report "$gate" --by demo \
  --reason "best of the demonstration sweep that passed every gate" "${here[@]}"

say "replay: what was deployed, over all stored bars (the search window included)"
report=$(perpkit replay "$root/lanes/demo/strategy.yaml" "${stored[@]}" "${here[@]}" \
  --trades-out "$root/trades.parquet")
perpkit show "$report" --root "$root"

say "summary: deployed $root/lanes/demo/strategy.yaml; the run holds"
perpkit show latest --root "$root"
