#!/usr/bin/env bash
# The main job, end to end: a venue on this machine, a sidecar that collects from it, and on what was
# collected sweep, validate, deploy, replay, show.
#
#   DATA=candles.parquet   the venue trades recorded candles instead of a made-up market
#   SEED=2                 another made-up market
#   EDGE=0                 a made-up market without the planted trend: everything must be refused
#   SPEED=120              speed of the venue's clock
#   DEMO_ROOT=FOLDER       where everything is written, emptied first; .demo of the checkout if left
#
# Ends with 0 when a strategy was deployed, and when all were refused: both are answers.
# Listens on 127.0.0.1 only. Whatever it starts is ended with it, however it ends.
set -euo pipefail

absolute() { case $1 in /*) printf '%s\n' "$1" ;; *) printf '%s\n' "$PWD/$1" ;; esac; }

say() { printf '\n--- %s\n' "$*"; }

edge=${EDGE:-1}
seed=${SEED:-1}
speed=${SPEED:-120}
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

# Files and the socket of what runs beside this script.
folder=$(mktemp -d)
emulator= sidecar= collector=
finish() {
  local pid
  for pid in $collector $sidecar $emulator; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in $collector $sidecar $emulator; do
    for _ in $(seq 100); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf -- "$folder"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

client() { python3 -m pipelines.demo_market "$@"; }

# Waits for the line of JSON that a program prints when it is ready: wait_for NAME PID.
wait_for() {
  local code=0
  for _ in $(seq 600); do
    if [ -s "$folder/$1" ] || ! kill -0 "$2" 2>/dev/null; then break; fi
    sleep 0.1
  done
  if ! python3 -c 'import json, sys; sys.exit(not json.load(open(sys.argv[1]))["ok"])' \
    "$folder/$1" 2>/dev/null; then
    cat "$folder/$1.said" >&2
    # It says what is wrong shortly before it ends with its own code.
    for _ in $(seq 50); do
      kill -0 "$2" 2>/dev/null || break
      sleep 0.1
    done
    kill -TERM "$2" 2>/dev/null || true
    wait "$2" || code=$?
    exit "${code/#0/70}"
  fi
}

field() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$@"; }

# Runs a command whose notes matter only when it fails.
quietly() { "$@" 2>"$folder/said" || { code=$? && cat "$folder/said" >&2 && return "$code"; }; }

# Ends a program as Ctrl-C would, and waits until it has saved everything.
end() {
  kill -TERM "$1"
  wait "$1" || true
}

if [ -n "$data" ]; then
  recorded=$root/recorded
  say "fetch: recorded candles from $data, for the venue to trade"
  perpkit fetch --from-file "$data" --kind candles --interval 1h --store "$recorded" --root "$root"
  start=$(client begin "$recorded")
  market=(--store "$recorded" --interval 1h --start "$start")
  told="recorded candles, from $start on"
else
  market=(--seed "$seed" --edge "$edge" --history-days 167 --start 2025-06-17T00:20Z)
  told="a made-up market, seed $seed, planted trend x $edge (nothing real is in it)"
fi

say "emulator: a venue of our own, $told, clock x $speed"
perpkit emulator --port 0 "${market[@]}" --speed "$speed" --json \
  >"$folder/emulator" 2>"$folder/emulator.said" &
emulator=$!
wait_for emulator "$emulator"
venue=$(field "$folder/emulator" http)
clock=$(field "$folder/emulator" control)
printf '  pid %s at %s, its time is %s\n' "$emulator" "$venue" "$(field "$folder/emulator" time)"

from=(--venue "$venue" --clock "$clock" "${stored[@]}" --root "$root")
if [ -z "$data" ]; then
  say "fetch: what the venue says of its symbols, and funding since their listing"
  quietly perpkit fetch "${from[@]}" --symbols all --kind universe,funding --since 200d
fi
ended=$(client ended "$folder/emulator")
if [ -n "$ended" ]; then
  say "fetch: bars of what is delisted, which no stream carries any more: $ended"
  quietly perpkit fetch "${from[@]}" --symbols "$ended" --kind candles --interval 1h
fi

say "sidecar: collects history by REST, then bars and funding as they come"
perpkit sidecar --venue "$venue" --clock "$clock" "${stored[@]}" --socket "$folder/socket" --json \
  >"$folder/sidecar" 2>"$folder/sidecar.said" &
sidecar=$!
wait_for sidecar "$sidecar"
printf '  pid %s at %s\n' "$sidecar" "$folder/socket"
# In the background, since a signal interrupts `wait` and no command in the foreground.
client collect "$folder/emulator" "$folder/socket" &
collector=$!
code=0
wait "$collector" || code=$?
collector=
if [ "$code" -ne 0 ]; then
  cat "$folder/sidecar.said" >&2
  exit "$code"
fi
end "$sidecar"
sidecar=
end "$emulator"
emulator=
say "collected: sidecar and emulator are ended; what follows reads $root/stores"

say "sweep: the grid of config/sweep.demo.yaml, on all but the holdout"
sweep=$(perpkit sweep config/sweep.demo.yaml "${stored[@]}" --root "$root")
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
