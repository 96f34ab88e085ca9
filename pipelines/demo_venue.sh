#!/usr/bin/env bash
# A venue in a box: started, traded on through the official SDK, broken in three ways, killed, and
# started again.
#
#   SEED=2                 another market
#
# Listens on 127.0.0.1 only. Whatever it starts is ended with it, however it ends.
set -euo pipefail

say() { printf '\n--- %s\n' "$*"; }

cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v perpkit >/dev/null || PATH=$PWD/.venv/bin:$PATH
folder=$(mktemp -d)
emulator=
finish() {
  if [ -n "$emulator" ]; then kill -KILL "$emulator" 2>/dev/null || true; fi
  wait 2>/dev/null || true
  rm -rf -- "$folder"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

client() { python3 -m pipelines.demo_venue "$@"; }

# Starts the emulator on free ports and waits until it says that it is ready.
start() {
  : >"$folder/ready"
  perpkit emulator --port 0 --seed "${SEED:-1}" --fund "$address=50000" \
    --state "$folder/venue.sqlite" --json >"$folder/ready" 2>"$folder/said" &
  emulator=$!
  for _ in $(seq 300); do
    if [ -s "$folder/ready" ] || ! kill -0 "$emulator" 2>/dev/null; then break; fi
    sleep 0.1
  done
  if ! python3 -c 'import json, sys; sys.exit(not json.load(open(sys.argv[1]))["ok"])' \
    "$folder/ready" 2>/dev/null; then
    printf 'error: the emulator did not start\n  at:   perpkit emulator\n' >&2
    printf '  next: read what it says\n' >&2
    cat "$folder/said" >&2
    exit 70
  fi
  cat "$folder/said"
  python3 -c 'import json, sys
ready = json.load(open(sys.argv[1]))
for name in ("http", "ws", "control", "proxy"):
    print(f"  {name:<8} {ready[name]}")
print("  coins   ", ", ".join(ready["coins"]))' "$folder/ready"
}

address=$(client address)
say "perpkit emulator --port 0 --seed ${SEED:-1} --fund $address=50000 --state venue.sqlite"
start

say "by hand, through hyperliquid-python-sdk: Exchange(wallet, base_url)"
client trade "$folder/ready"
client break "$folder/ready"

say "killed with SIGKILL, and started again on the same state file"
disown "$emulator" # so that the shell does not tell of its end
kill -KILL "$emulator"
start
client after "$folder/ready"

say "ended with SIGTERM, which saves"
code=0
kill -TERM "$emulator"
wait "$emulator" || code=$?
emulator=
echo "  exit code $code"
[ "$code" -eq 143 ]
