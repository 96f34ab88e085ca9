#!/usr/bin/env bash
# The main job, end to end: fetch, sweep, validate, deploy, replay, show.
#
#   DATA=candles.parquet   run on recorded candles instead of a synthetic market
#   SEED=2                 another synthetic market
#   EDGE=0                 synthetic market without the planted trend: everything must be refused
#   DEMO_ROOT=FOLDER       where everything is written, emptied first; .demo of the checkout if left
#
# Ends with 0 when a strategy was deployed, and when all were refused: both are answers.
set -euo pipefail

absolute() { case $1 in /*) printf '%s\n' "$1" ;; *) printf '%s\n' "$PWD/$1" ;; esac; }

say() { printf '\n--- %s\n' "$*"; }

edge=${EDGE:-1}
seed=${SEED:-1}
data=${DATA:+$(absolute "$DATA")}
root=${DEMO_ROOT:+$(absolute "$DEMO_ROOT")}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=${root:-.demo}
command -v perpkit >/dev/null || PATH=$PWD/.venv/bin:$PATH

# Nothing but an earlier demo is ever removed.
mark=$root/.perpkit-demo
if [ "$root" != .demo ] && [ -e "$root" ] && [ ! -e "$mark" ] && [ -n "$(ls -A "$root")" ]; then
  printf 'error: this is not empty and holds no earlier demo\n  at:   %s\n' "$root" >&2
  printf '  next: give another DEMO_ROOT, or empty it yourself\n' >&2
  exit 2
fi
rm -rf -- "$root"
mkdir -p -- "$root"
: >"$mark"

here=(--root "$root" --run latest)
stored=(--store "$root/stores")

if [ -n "$data" ]; then
  say "fetch: recorded candles from $data"
  perpkit fetch --from-file "$data" --kind candles --interval 1h "${stored[@]}" --root "$root"
else
  say "fetch: a synthetic market, seed $seed, planted trend x $edge (nothing real is in it)"
  perpkit fetch --synthetic --seed "$seed" --edge "$edge" "${stored[@]}" --root "$root"
fi

say "sweep: the grid of config/sweep.demo.yaml, on all but the holdout"
sweep=$(perpkit sweep config/sweep.demo.yaml "${stored[@]}" "${here[@]}")
printf '%s\n' "$sweep"
run=$(dirname "$(dirname "$sweep")")

say "validate: the best, on bars that the sweep has not seen"
code=0
survivors=$(perpkit validate "$sweep" "${stored[@]}" "${here[@]}" --gates config/gates.yaml) ||
  code=$?
if [ "$code" -eq 1 ]; then
  best=$(python3 -c 'import json, sys
top = json.load(open(sys.argv[1]))["body"]["top"]
print(top[0]["config_id"] if top else "")' "$sweep")
  if [ -z "$best" ]; then
    say "refused: the sweep found no candidate, so nothing is deployed; the sweep"
    perpkit show "$sweep" --root "$root"
  else
    # Without its gate report the refusal was about something else, such as a run in use.
    [ -f "$run/gates/$best.json" ] || exit 1
    say "refused: every candidate failed a gate, so nothing is deployed; the best of them"
    perpkit show "$run/gates/$best.json" --root "$root"
  fi
  say "summary: nothing deployed; the run holds"
  perpkit show latest --root "$root"
  exit 0
fi
[ "$code" -eq 0 ] || exit "$code"

config=${survivors%%$'\n'*}
gate=$run/gates/$(basename "$config" .yaml).json

say "deploy: the best survivor into the lane demo"
perpkit deploy "$config" --lane demo --gate-report "$gate" --by demo \
  --reason "best of the demonstration sweep that passed every gate" "${here[@]}"

say "replay: what was deployed, over all stored bars (the search window included)"
report=$(perpkit replay "$root/lanes/demo/strategy.yaml" "${stored[@]}" "${here[@]}" \
  --trades-out "$root/trades.parquet")
perpkit show "$report" --root "$root"

say "summary: deployed $root/lanes/demo/strategy.yaml; the run holds"
perpkit show latest --root "$root"
