#!/usr/bin/env python3
"""Coverage of lib/ by the tests and the simulation: lines and branches of each file, and what was not reached.

    coverage.py BUILD [--schedules N]     BUILD: a tree of the preset `coverage`, built

Writes BUILD/coverage.txt (the figures), BUILD/uncovered.txt (lines and branches that nothing reached) and prints the
first. Run by `./dev coverage`.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

UNITS = ["base", "policy", "runtime", "supervisor", "host", "simulation", "process"]


def run(command, **options):
    return subprocess.run([str(part) for part in command], check=True, **options)


def branches(function_regions):
    """(line, column) -> the counts of its two sides, summed over instantiations."""
    found = {}
    for line, column, end_line, end_column, taken, not_taken, *_ in function_regions:
        key = (line, column, end_line, end_column)
        old = found.get(key, (0, 0))
        found[key] = (old[0] + taken, old[1] + not_taken)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--schedules", type=int, default=150000)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    root = pathlib.Path(__file__).resolve().parents[1]
    profiles = build / "profiles"
    profiles.mkdir(exist_ok=True)
    for old in profiles.iterdir():
        old.unlink()
    # Continuously (%c): the children of the process tests end without the handlers that would write what they counted.
    environment = os.environ | {"LLVM_PROFILE_FILE": str(profiles / "%p-%m%c.profraw")}
    programs = [build / "test" / unit / f"engin_{unit}_test" for unit in UNITS]
    programs = [program for program in programs if program.exists()]
    simulator = build / "test/simulation/engin_sim"
    failed = []
    for program in programs:
        print(f"running {program.name}", flush=True)
        # Here symbols of the instrumentation stand at the functions' addresses, and errors name those.
        chosen = ["--gtest_filter=-AssemblyTest.*"] if program.name == "engin_host_test" else []
        chosen += ["--gtest_filter=SupervisorProcessTest.*"] if program.name == "engin_process_test" else []
        done = subprocess.run([program, "--gtest_brief=1", *chosen], env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
        if done.returncode != 0:
            failed.append(program.name)
            print(done.stdout[-3000:])
    pairs = run([simulator, "--schedules", arguments.schedules, "--base", 1, "--pairs"], env=environment,
                stdout=subprocess.PIPE, text=True).stdout
    merged = build / "coverage.profdata"
    run(["llvm-profdata-19", "merge", "-sparse", "-o", merged, *sorted(profiles.glob("*.profraw"))])
    objects = [item for program in [*programs, simulator] for item in ("-object", program)][1:]
    exported = run(["llvm-cov-19", "export", f"-instr-profile={merged}", *objects, "-skip-expansions",
                    *sorted((root / "lib").rglob("*.cc")), *sorted((root / "lib").rglob("*.h"))],
                   stdout=subprocess.PIPE, text=True).stdout
    figures, missing = [], []
    total = [0, 0, 0, 0]
    for file in sorted(json.loads(exported)["data"][0]["files"], key=lambda f: f["filename"]):
        name = str(pathlib.Path(file["filename"]).relative_to(root))
        source = pathlib.Path(file["filename"]).read_text().split("\n")
        lines = file["summary"]["lines"]
        sides = branches(file["branches"])
        taken = sum((a > 0) + (b > 0) for a, b in sides.values())
        row = [lines["covered"], lines["count"], taken, 2 * len(sides)]
        total = [a + b for a, b in zip(total, row)]
        figures.append((name, row))
        uncovered, counted = set(), False
        starts = {}
        for line, _, count, has_count, *_ in file["segments"]:
            starts.setdefault(line, []).append((count, has_count))
        for number in range(1, len(source) + 1):
            at_start = counted
            here = starts.get(number, [])
            for count, has_count in here:
                counted = has_count and count == 0
            if (at_start and all(has_count and count == 0 for count, has_count in here)) and source[number - 1].strip(" {};"):
                uncovered.add(number)
        missing += [f"{name}:{number}: {source[number - 1].strip()}" for number in sorted(uncovered)]
        for (line, column, end_line, end_column), (a, b) in sorted(sides.items()):
            if line in uncovered or (a > 0 and b > 0):
                continue
            text = source[line - 1][column - 1:end_column - 1] if line == end_line else source[line - 1][column - 1:]
            if f"switch ({text})" in source[line - 1]:
                continue  # over an enumeration, each of its cases there (-Wswitch): that none is taken cannot be
            missing.append(f"{name}:{line}: never {'false' if a > 0 else 'true' if b > 0 else 'asked'}: {text}")

    def percent(n, of):
        return f"{100 * n / of:6.1f} %" if of else "       -"

    table = [f"{'file':44} {'lines':>16} {'branches':>18}"]
    for name, row in [*figures, ("all of lib/", total)]:
        table.append(f"{name:44} {row[0]:6} of {row[1]:5} {percent(*row[:2])} {row[2]:5} of {row[3]:5} {percent(*row[2:])}")
    table += ["", pairs.strip()]
    (build / "coverage.txt").write_text("\n".join(table) + "\n")
    (build / "uncovered.txt").write_text("\n".join(missing) + "\n")
    print("\n".join(table))
    print(f"\n{len(missing)} lines and branches not reached: {build / 'uncovered.txt'}; of the stop protocol:")
    for entry in missing:
        if entry.startswith(("lib/supervisor/stop.cc", "lib/supervisor/shutdown.cc", "lib/supervisor/state_machine.cc")):
            print("  " + entry)
    if failed:
        sys.exit("failed: " + ", ".join(failed))


if __name__ == "__main__":
    main()
