#!/usr/bin/env bash
# Plants each defect of test/mutants/lower_*.patch in a copy of lib/, and lets the simulator of the lower cut look for
# it. Prints which invariant broke, after how many schedules and how long. Fails if one is not found.
#
#   test/mutants/lower.sh [PATCH...]
#
# ENGIN_LOWER_SCHEDULES: how many schedules each may take (default 300000). ENGIN_LOWER_BASE: the first seed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly work="$PWD/build/lower-mutants"
readonly schedules="${ENGIN_LOWER_SCHEDULES:-300000}"
patches=("$@")
if ((${#patches[@]} == 0)); then patches=(test/mutants/lower_*.patch); fi

mkdir -p "$work/source"
# Only what differs gets a new time, so only that is compiled.
refresh() {
  local file
  while IFS= read -r file; do
    if ! cmp -s "$file" "$work/source/$file"; then
      mkdir -p "$work/source/$(dirname "$file")"
      cp "$file" "$work/source/$file"
    fi
  done < <(find lib -name '*.cc' -o -name '*.h')
}

refresh
cmake --preset dev -B "$work/build" "-DENGIN_LOWER_SOURCES=$work/source" -DENGIN_BUILD_EXAMPLES=OFF > "$work/log"

survivors=()
for patch in "${patches[@]}"; do
  name="$(basename "$patch" .patch)"
  refresh
  patch --silent -d "$work/source" -p1 < "$patch"
  if ! cmake --build "$work/build" -j "${ENGIN_JOBS:-$(nproc)}" --target engin_lower_sim > "$work/log" 2>&1; then
    tail -n 20 "$work/log"
    printf '%-36s does not compile\n' "$name"
    survivors+=("$name")
    continue
  fi
  status=0
  timeout 300 "$work/build/test/lower_cut/engin_lower_sim" --schedules "$schedules" --base "${ENGIN_LOWER_BASE:-1}" \
    > "$work/$name.txt" 2>&1 || status=$?
  # It ends with 1 where it found something; anything else that is not 0 is a crash, which finds it as well.
  if ((status == 0)); then
    printf '%-36s NOT FOUND in %s schedules\n' "$name" "$schedules"
    survivors+=("$name")
  elif ((status == 1)); then
    printf '%-36s %s | %s\n' "$name" "$(grep -oE '^[0-9]+ schedules in [0-9.e-]+ s' "$work/$name.txt")" \
      "$(grep -A 1 '^FAILED' "$work/$name.txt" | tail -n 1)"
  else
    printf '%-36s crashed (%s)\n' "$name" "$status"
  fi
done
refresh
if ((${#survivors[@]})); then
  printf 'not found: %s\n' "${survivors[*]}" >&2
  exit 1
fi
