#!/usr/bin/env bash
# Plays the demo and checks what it showed. Then checks what the demo does not show: a log that grows and is rotated.
# Usage: telemetry.test.sh PROGRAM
set -euo pipefail

readonly program="$1"
folder="$(dirname "${BASH_SOURCE[0]}")"
work="$(mktemp -d)"
service=
trap '[[ -z $service ]] || kill -KILL "$service" 2> /dev/null; rm -rf "$work"' EXIT

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}
# shown TEXT PATTERN..: the text has lines that match the patterns, in this order.
shown() {
  local text="$1" rest pattern number
  rest="$text"
  shift
  for pattern in "$@"; do
    number="$(grep -nE -m 1 -- "$pattern" <<< "$rest" | cut -d : -f 1)" || true
    [[ -n $number ]] || fail "not shown, or not in this order: $pattern"
    rest="$(tail -n "+$((number + 1))" <<< "$rest")"
  done
}
# within SECONDS COMMAND...: repeats the command until it succeeds.
within() {
  local deadline=$((SECONDS + $1))
  until "${@:2}"; do
    ((SECONDS < deadline)) || fail "not within $1 s: ${*:2}"
    sleep 0.05
  done
}

seq 3 > "$work/log"
timeout 40 "$folder/demo.sh" "$program" "$work/log" > "$work/demo" 2>&1 && status=0 || status=$?
cat "$work/demo"
((status == 0)) || fail "demo.sh ended with status $status"
one="$(sed -n '/Act one/,/Act two/p' "$work/demo")"
two="$(sed -n '/Act two/,$p' "$work/demo")"

refused='uplink: attempt [0-9]+ failed .* connect: Connection refused; next attempt in'
shown "$one" 'barometer: attempt 1 failed .*; ignored'
shown "$one" "uplink: attempt 1 failed.*refused" "uplink: attempt 2 failed.*refused" "uplink: attempt 3 failed.*refused" \
  'collector: up, after all' 'uplink: connected, at attempt' 'uplink: attempt .* is ready, after [0-9]+ failures' \
  'collector: attempt 1 failed .* crashed' "$refused" 'collector: up again' 'uplink: connected, at attempt' \
  'shutdown began: signal 15 .SIGTERM.' 'shutdown took .* and was clean' '7 tasks: 0 completed, 1 failed, 6 stopped' \
  'cause: signal 15 .SIGTERM.' 'its exit status is 0'
shown "$one" 'load: [0-9.]+ [0-9.]+ [0-9.]+' 'log .*: 3 lines, last: 3$' 'memory: [0-9]+ of [0-9]+ MiB available' \
  'processors: [0-9]+ % busy' 'task uplink: in backoff for another .*Connection refused' 'task barometer: failed'
shown "$one" 'shutdown began' 'server: its hook started' 'server: its hook returned'
shown "$one" 'shutdown began' 'server: stopped' 'shutdown took'
shown "$one" 'shutdown began' 'follower: stopped' 'shutdown took'

# The delays before the first connection grow.
grep -E "$refused" <<< "$one" | sed -n '1,3s/.*next attempt in \([0-9.]*\) \(.*\)/\1 \2/p' > "$work/delays"
awk '{ ms = $2 == "s" ? $1 * 1000 : $1; if (ms < last) exit 1; last = ms } END { if (NR < 3) exit 1 }' "$work/delays" ||
  fail "these delays do not grow: $(tr '\n' ' ' < "$work/delays")"

shown "$two" 'disk guard: attempt 1 failed .*this shuts the application down'
shown "$two" 'shutdown began: task .disk guard. failed' 'server: its hook returned' 'and was not clean, exit code 1' \
  "cause: task 'disk guard' failed: absl::Status: RESOURCE_EXHAUSTED: the disk has" 'its exit status is 1'
lines() { grep -oE 'transcript: [0-9]+ lines' <<< "$two" | sed -n "$1s/[^0-9]//gp"; }
(($(lines 1) < $(lines 2))) || fail "the log did not grow between two clients"
last="$(grep -E '^ +[0-9]+\.[0-9]  ' <<< "$two" | tail -n 1)"
[[ $last == *"cause: task 'disk guard'"* ]] || fail "the cause is not the last thing printed, but: $last"

# The follower waits without looking again and again, takes up what is appended, and begins anew after a rotation.
"$program" "$work/log" 2> "$work/output" &
service=$!
within 10 grep -q 'serving at' "$work/output"
port="$(sed -n 's/.*port \([0-9]*\).*/\1/p' "$work/output")"
log_is() { timeout 5 bash -c "exec 3<> /dev/tcp/127.0.0.1/$port; cat <&3" | grep -qE "^log .*: $1\$"; }
within 10 log_is '3 lines, last: 3'
echo four >> "$work/log"
within 10 log_is '4 lines, last: four'
mv "$work/log" "$work/log.1"
echo anew > "$work/log"
within 10 log_is '1 lines, last: anew'
grep -qE 'follower: attempt 1 failed .* was rotated; next attempt in' "$work/output" || fail "the rotation was not reported"

# A signal that the shell's user sends with Ctrl-C does the same as SIGTERM.
kill -INT "$service"
within 10 grep -q '^cause: ' "$work/output"
wait "$service" || fail "exit status $? after SIGINT"
service=
echo "telemetry: all as expected"
