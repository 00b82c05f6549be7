#!/usr/bin/env bash
# tutorial_4.test.sh <program>: runs it, and checks that tutorial.md shows the steps as they are here.
set -euo pipefail
"$1"
here="$(dirname "${BASH_SOURCE[0]}")"
# shellcheck disable=SC2016 # backquotes are what it looks for
shown="$(sed -n '/^```cpp$/,/^```$/p' "$here/../tutorial.md" | grep -v '^```')"
if ! diff <(printf '%s\n' "$shown") <(cat "$here"/tutorial_[1-4].cc); then
  echo "docs/tutorial.md and docs/examples/tutorial_*.cc differ" >&2
  exit 1
fi
