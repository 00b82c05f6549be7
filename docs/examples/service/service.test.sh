#!/usr/bin/env bash
# service.test.sh <program>: lines in, SIGTERM, everything kept and status 0.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkfifo "$work/input"
SERVICE_JOURNAL="$work/journal" SERVICE_HTTP_PORT="${SERVICE_HTTP_PORT:-0}" "$1" < "$work/input" &
service=$!
exec 3> "$work/input"
printf 'one\ntwo\n' >&3
for _ in $(seq 100); do
  if [[ "$(cat "$work/journal" 2> /dev/null)" == $'one\ntwo' ]]; then break; fi
  sleep 0.1
done
kill -TERM "$service"
status=0
wait "$service" || status=$?
if [[ $status != 0 ]]; then
  echo "status $status after SIGTERM" >&2
  exit 1
fi
if [[ "$(cat "$work/journal")" != $'one\ntwo' ]]; then
  echo "the journal holds: $(cat "$work/journal")" >&2
  exit 1
fi
