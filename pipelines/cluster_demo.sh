#!/usr/bin/env bash
# A sweep on a cluster of this machine: a scheduler and two workers, one of them killed in the middle,
# and the same sweep without a cluster beside it. The results must have equal hashes.
#
#   DEMO_ROOT=FOLDER       where everything is written, emptied first; .demo/cluster if left
#
# Listens on 127.0.0.1 only. Whatever it starts is ended with it, however it ends.
set -euo pipefail

absolute() { case $1 in /*) printf '%s\n' "$1" ;; *) printf '%s\n' "$PWD/$1" ;; esac; }

say() { printf '\n--- %s\n' "$*"; }

fail() {
  printf 'error: %s\n  at:   %s\n  next: %s\n' "$1" "$2" "$3" >&2
  exit "${4:-70}"
}

root=${DEMO_ROOT:+$(absolute "$DEMO_ROOT")}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=${root:-.demo/cluster}
command -v perpkit >/dev/null || PATH=$PWD/.venv/bin:$PATH

# Nothing but an earlier demo is ever removed.
mark=$root/.perpkit-demo
if [ "$root" != .demo/cluster ] && [ -e "$root" ] && [ ! -e "$mark" ] && [ -n "$(ls -A "$root")" ]; then
  fail "this is not empty and holds no earlier demo" "$root" \
    "give another DEMO_ROOT, or empty it yourself" 2
fi
rm -rf -- "$root"
mkdir -p -- "$root"
: >"$mark"

started=()
finish() {
  for process in "${started[@]}"; do
    kill -KILL "$process" 2>/dev/null || true
  done
  wait 2>/dev/null || true
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Waits up to 30 s for a command to succeed.
await() {
  for _ in $(seq 300); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  return 1
}

json() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["data"][sys.argv[2]])' "$@"; }

# Shards that the journal of the sweep has; it is written to meanwhile.
shards() {
  python3 -c 'import glob, sqlite3, sys
(path,) = glob.glob(f"{sys.argv[1]}/artifacts/*/*/sweeps/*.journal.sqlite")
count = sqlite3.connect(path, timeout=10).execute("SELECT count(*) FROM shards").fetchone()[0]
sys.exit(count < int(sys.argv[2]))' "$@"
}

serve=(--host 127.0.0.1 --no-dashboard --dashboard-address 127.0.0.1:0)

say "a market of 24 symbols and 4,000 hours, and a grid of 3,720 points"
perpkit fetch --synthetic --seed 5 --symbols-count 24 --bars 4000 --store "$root/stores" --root "$root" \
  >/dev/null
cat >"$root/strategy.yaml" <<'YAML'
kind: strategy
version: 1
global:
  trade: {entry_min_confidence: medium}
YAML
cat >"$root/sweep.yaml" <<'YAML'
kind: sweep-spec
version: 1
base: strategy.yaml
min_positions: 10
top: 3
axes:
  - {path: trade.stop_loss_atr, range: [1.0, 4.0, 0.1]}
  - {path: indicators.adx_window_bars, values: [10, 14, 18]}
  - {path: trade.take_profit_atr, range: [4.1, 8.0, 0.1]}
YAML
sweep=(perpkit sweep "$root/sweep.yaml" --store "$root/stores" --json)

say "the sweep on this machine, without a cluster"
"${sweep[@]}" --root "$root/here" >"$root/here.json"

say "a scheduler and two workers with one thread each"
dask scheduler "${serve[@]}" --port 0 --scheduler-file "$root/scheduler.json" \
  >"$root/scheduler.log" 2>&1 &
started+=($!)
await test -s "$root/scheduler.json" ||
  fail "the scheduler did not start" "$root/scheduler.log" "read it; is the extra cluster installed?"
address=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["address"])' \
  "$root/scheduler.json")
for name in one two; do
  dask worker "$address" "${serve[@]}" --nthreads 1 --no-nanny --name "$name" \
    >"$root/worker-$name.log" 2>&1 &
  started+=($!)
  await grep -q Registered "$root/worker-$name.log" ||
    fail "a worker did not start" "$root/worker-$name.log" "read it"
done
victim=${started[1]}
disown "$victim" # so that the shell does not tell of its end

say "the same sweep with --cluster $address"
"${sweep[@]}" --root "$root/far" --cluster "$address" >"$root/far.json" &
running=$!
started+=("$running")
await shards "$root/far" 3 ||
  fail "no shard was done in time" "$root" "read the logs there"
kill -KILL "$victim"
say "worker one (process $victim) was killed, with at least 3 shards done"
wait "$running"

say "result hashes"
here=$(json "$root/here.json" result_hash)
far=$(json "$root/far.json" result_hash)
printf 'here     %s  %s rows in %.4s s\n' "$here" \
  "$(json "$root/here.json" evaluated)" "$(json "$root/here.json" wall_s)"
printf 'cluster  %s  %s rows in %.4s s\n' "$far" \
  "$(json "$root/far.json" evaluated_now)" "$(json "$root/far.json" wall_s)"
[ "$here" = "$far" ] || fail "the hashes differ" "$root" "please report it with this folder"
echo "equal"
