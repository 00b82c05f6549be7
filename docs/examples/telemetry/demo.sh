#!/usr/bin/env bash
# The telemetry service in two acts, about 25 seconds: a service that lives through trouble and ends in order, and one
# that must not go on. Usage: demo.sh PROGRAM [LOG]     LOG: what the first service follows, instead of its own choice
#
# Ends with status 0 if both acts went as told.
set -euo pipefail

readonly program="$1"
readonly patience=15  # seconds, for each thing that we wait for
bold='' plain=''
if [[ -t 1 ]]; then bold=$'\033[1m' plain=$'\033[0m'; fi
work="$(mktemp -d)"
service=
trap '[[ -z $service ]] || kill -KILL "$service" 2> /dev/null; rm -rf "$work"' EXIT
mkfifo "$work/pipe"

# All that is shown also goes to a file, each line with the seconds since the act began.
tell() { printf '\n%s--- %s%s\n' "$bold" "$*" "$plain" | tee -a "$work/transcript"; }
stamped() {
  local begin="${EPOCHREALTIME/[.,]/}" now line
  while IFS= read -r line; do
    now="${EPOCHREALTIME/[.,]/}"
    printf '%5d.%d  %s\n' $(((now - begin) / 1000000)) $(((now - begin) / 100000 % 10)) "$line"
  done | tee -a "$work/transcript"
}
give_up() {
  printf 'demo.sh: %s\n' "$*" >&2
  exit 1
}

# start ARGUMENT...: starts the service with these arguments.
start() {
  : > "$work/transcript"
  stamped < "$work/pipe" &
  stamper=$!
  "$program" "$@" > "$work/pipe" 2>&1 &
  service=$!
}

# wait_for COUNT TEXT: waits until that text was shown COUNT times.
wait_for() {
  local deadline=$((SECONDS + patience))
  until (($(grep -cF -- "$2" "$work/transcript" || true) >= $1)); do
    ((SECONDS < deadline)) || give_up "waited $patience s for: $2"
    sleep 0.1
  done
}

# ask: connects to the service as any client would, and shows what it says.
ask() {
  local port
  port="$(sed -n 's/.*serving at 127\.0\.0\.1 port \([0-9]*\).*/\1/p' "$work/transcript")"
  timeout "$patience" bash -c "exec 3<> /dev/tcp/127.0.0.1/$port; cat <&3" | sed 's/^/         | /' | cut -c -160
}

# expect_status STATUS: waits for the service's end.
expect_status() {
  local status=0 deadline=$((SECONDS + patience))
  while kill -0 "$service" 2> /dev/null; do
    ((SECONDS < deadline)) || give_up "the service did not end within $patience s"
    sleep 0.1
  done
  wait "$service" || status=$?
  service=
  wait "$stamper"
  tell "its exit status is $status"
  ((status == $1)) || give_up "expected exit status $1"
}

tell "Act one. The service starts. There is no collector to send to, and no barometer; the rest does its work"
start "${@:2}"
wait_for 3 "uplink: attempt"
tell "A client connects to the service"
ask
tell "The uplink's delays grow, until the collector comes up. Soon the collector crashes, and comes back"
wait_for 1 "uplink: connected"
wait_for 2 "uplink: connected"
sleep 2
tell "A client connects again"
ask
tell "SIGTERM: hooks, stop, report"
kill -TERM "$service"
expect_status 0

tell "Act two. The service follows what you see here. The disk guard, which is critical, will find the disk too full"
start --fail "$work/transcript"
wait_for 1 "barometer: attempt"
tell "A client asks for the log's figure twice: the file grows, and the follower wakes up for it"
ask | grep ' log '
wait_for 2 "uplink: attempt"
ask | grep ' log '
wait_for 1 "cause: "
expect_status 1
