#!/usr/bin/env bash
# Tests the package as its users meet it.
#
#   package_test.sh --source S --work W --cxx C --linkage static|shared WAY
#
# `install` builds the library, installs it and moves the installed tree, for the package must not care where it lies.
# `find_package` and `pkg_config` build and run the consumers against that tree, `add_subdirectory` against the sources.
# `tutorial` does what docs/tutorial.md says at its beginning and its end.
set -euo pipefail

while [[ $1 == --* ]]; do
  declare "${1#--}=$2"
  shift 2
done
way="$1"
# shellcheck disable=SC2154 # source, work, cxx and linkage come from the arguments
consumer="$source/test/package/consumer"
# shellcheck disable=SC2154
prefix="$work/moved"
shared=OFF
# shellcheck disable=SC2154
if [[ $linkage == shared ]]; then shared=ON; fi
mkdir -p "$work"
# shellcheck disable=SC2154
options=(-DCMAKE_CXX_COMPILER="$cxx")
if command -v ninja > /dev/null; then options+=(-G Ninja); fi
if command -v ccache > /dev/null; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi

fail() {
  echo "package_test: $*" >&2
  exit 1
}

# run_consumers FOLDER: runs both programs, which check themselves.
run_consumers() {
  timeout 30 "$1/consumer" || fail "the consumer failed"
  timeout 30 "$1/thrower" "$1/libplugin.so" || fail "the thrower failed"
  local linked
  linked="$(ldd "$1/consumer")"
  if [[ $linkage == shared && $linked != *libengin.so* ]]; then fail "not linked with the shared library: $linked"; fi
  if [[ $linkage == static && $linked == *libengin* ]]; then fail "linked with a shared library: $linked"; fi
}

case "$way" in
  install)
    cmake -S "$source" -B "$work/build" "${options[@]}" -DBUILD_SHARED_LIBS="$shared" \
      -DENGIN_BUILD_TESTS=OFF -DENGIN_BUILD_BENCHMARKS=OFF -DENGIN_BUILD_EXAMPLES=OFF
    cmake --build "$work/build"
    rm -rf "$work/first" "$prefix"
    cmake --install "$work/build" --prefix "$work/first"
    mv "$work/first" "$prefix"
    if grep -rlF "$work" "$prefix" --include='*.cmake' --include='*.pc' --include='*.h'; then
      fail "installed files name the place where they were built"
    fi
    if [[ $linkage == shared ]]; then
      # Only engin's own names, and what the compiler makes of templates, may be visible.
      foreign="$(nm -DC --defined-only "$prefix"/lib*/libengin.so "$prefix"/lib/*/libengin.so 2> /dev/null |
        grep -E ' [TBDR] ' | grep -vE ' [TBDR] (guard variable for |typeinfo |vtable )?engin::' || true)"
      if [[ -n $foreign ]]; then fail "the shared library shows what is not engin's: $foreign"; fi
    fi
    ;;
  find_package)
    cmake -S "$consumer" -B "$work/find_package" "${options[@]}" \
      -DCMAKE_PREFIX_PATH="$prefix"
    cmake --build "$work/find_package"
    grep -q "^engin_DIR:PATH=$prefix/" "$work/find_package/CMakeCache.txt" || fail "another engin was found"
    run_consumers "$work/find_package"
    ;;
  tutorial)
    # As docs/tutorial.md begins: a folder with the file it shows, and with its first step.
    mkdir -p "$work/tutorial"
    # shellcheck disable=SC2016 # backquotes are what it looks for
    sed -n '/^```cmake$/,/^```$/{/^```/d;p}' "$source/docs/tutorial.md" > "$work/tutorial/CMakeLists.txt"
    cp "$source/docs/examples/tutorial_1.cc" "$work/tutorial/main.cc"
    cmake -S "$work/tutorial" -B "$work/tutorial/build" "${options[@]}" -DCMAKE_PREFIX_PATH="$prefix"
    cmake --build "$work/tutorial/build"
    [[ "$(timeout 30 "$work/tutorial/build/crawler")" == $'page 1\npage 2\npage 3' ]] || fail "step 1 printed something else"
    # As it ends: a copy of the example, with its tests.
    mkdir -p "$work/my-service"
    cp "$source"/docs/examples/service/* "$work/my-service"
    cmake -S "$work/my-service" -B "$work/my-service/build" "${options[@]}" -DCMAKE_PREFIX_PATH="$prefix"
    cmake --build "$work/my-service/build"
    ctest --test-dir "$work/my-service/build" --output-on-failure
    ;;
  add_subdirectory)
    # A fresh configuration each time, for what it says is judged; the library's objects stay.
    rm -rf "$work/add_subdirectory/CMakeCache.txt" "$work/add_subdirectory/CMakeFiles"
    output="$(cmake -S "$consumer" -B "$work/add_subdirectory" "${options[@]}" \
      -DENGIN_SOURCE="$source" -DBUILD_SHARED_LIBS="$shared" 2>&1)" || fail "$output"
    if grep -iE '^-- .*engin|warning' <<< "${output//$work/}"; then fail "not quiet as a subproject: $output"; fi
    if [[ "$(ctest --test-dir "$work/add_subdirectory" -N)" != *"Total Tests: 0"* ]]; then
      fail "a subproject brings its tests along"
    fi
    cmake --build "$work/add_subdirectory"
    run_consumers "$work/add_subdirectory"
    ;;
  pkg_config)
    pc="$(find "$prefix" -name engin.pc)"
    export PKG_CONFIG_PATH="${pc%/*}"
    pkg-config --exact-version="$(sed -n 's/^project(engin VERSION \([0-9.]*\).*/\1/p' "$source/CMakeLists.txt")" engin ||
      fail "engin.pc has another version than the project"
    mkdir -p "$work/pkg_config"
    cd "$work/pkg_config"
    # Word splitting is how pkg-config's answers are meant to be used.
    # shellcheck disable=SC2046
    {
      "$cxx" -std=c++20 "$consumer/main.cc" -o consumer $(pkg-config --cflags --libs engin)
      "$cxx" -std=c++20 "$consumer/thrower.cc" -o thrower $(pkg-config --cflags --libs engin) -ldl
      "$cxx" -std=c++20 -shared -fPIC -fvisibility=hidden "$consumer/plugin.cc" -o libplugin.so
    }
    LD_LIBRARY_PATH="$(pkg-config --variable=libdir engin)" run_consumers .
    ;;
  *) fail "no such way: $way" ;;
esac
