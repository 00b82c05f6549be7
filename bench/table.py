#!/usr/bin/env python3
"""Prints what engin_bench measured as a table, from its JSON file. Fails if a row's counters did not agree."""
import json
import re
import sys

GOAL = re.compile(r"(\w+) (\S+) \(goal (<=|>=) (\S+?)(, MISSED)?\)")
OWN = {"iterations", "real_time", "cpu_time", "time_unit", "items_per_second", "threads", "repetitions",
       "repetition_index", "family_index", "per_family_instance_index"}


def number(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def rows(benchmark):
    """(figure, measured, goal) of one benchmark, goals first."""
    goals = {name: (relation, limit, bool(missed))
             for name, _, relation, limit, missed in GOAL.findall(benchmark.get("label", ""))}
    figures = {key: value for key, value in benchmark.items() if isinstance(value, (int, float)) and key not in OWN}
    if not figures:
        figures = {"time_" + benchmark.get("time_unit", "ns"): benchmark.get("real_time", 0)}
    for key in sorted(figures, key=lambda k: (k not in goals, k)):
        goal = ""
        if key in goals:
            relation, limit, missed = goals[key]
            goal = f"{relation} {number(float(limit))}{'  MISSED' if missed else ''}"
        yield key, number(figures[key]), goal


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        benchmarks = json.load(file)["benchmarks"]
    errors = 0
    print(f"{'':56}{'measured':>16}  goal")
    for benchmark in benchmarks:
        print(re.sub(r"/(iterations:\d+|real_time|process_time|manual_time)", "", benchmark["name"]))
        if benchmark.get("error_occurred"):
            errors += 1
            print(f"    ERROR: {benchmark['error_message']}")
            continue
        for figure, measured, goal in rows(benchmark):
            print(f"    {figure:52}{measured:>16}  {goal}".rstrip())
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
