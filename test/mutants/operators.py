#!/usr/bin/env python3
"""Makes small defects in lib/supervisor and lib/runtime by rules, and counts how many the tests notice.

    operators.py [--count N] [--seed S] [--only PATH]    PATH: a part of the file's name
    operators.py --again FILE                            FILE: what an earlier run printed

A defect is one of: a statement dropped, a condition negated, two neighbouring calls swapped, a comparison shifted by
one, && for || and the reverse. Those that do not compile are not counted. What survives is printed as a diff;
survivors.md says of those seen before why they do.

Which N are made depends on the source: a changed line shuffles them anew. After tests were added, --again makes those
that survived once more, found again by file, defect and line of code, and says how many of that run's are killed now.
"""
import argparse
import difflib
import pathlib
import random
import re
import time

from mutants import TREE, Tree, layer_of

# Not mutated: text for people, what only the virtual world does, and what a compiler or the system gives.
SKIPPED = re.compile(r"(virtual_|fiber|_text|describe|phrases|dump|json|printer|default_observer|report_text|event\.cc|"
                     r"shutdown_report|text_observer|json_observer|thread_activity|state_machine\.h|spin\.h|snapshot)")
STATEMENT = re.compile(r"^\s+(?!return\b|break\b|continue\b|case\b|const\b|auto\b|using\b|static\b|throw\b|default\b|"
                       r"else\b|constexpr\b|std::\w+(<.*>)? \w+;)[\w:*&.\->\[\]()]+.*;\s*(//.*)?$")
CALL = re.compile(r"^\s+[\w:.\->\[\]]+\(.*\);\s*(//.*)?$")
CONDITION = re.compile(r"^(\s*(?:\} else )?(?:if|while) )\((.*)\)( .*|\{?)$")


def declaration(line):
    return re.match(r"^\s+[\w:<>,*& ]+ [\w]+(\{.*\}| = .*|\(.*\))?;", line) and not re.match(r"^\s+\w[\w.\->:]*\(", line) \
        and not re.match(r"^\s+[\w.\->\[\]]+ [-+|&]?= ", line)


def balanced(text):
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return False
    return depth == 0


def defects(lines):
    """(line number, replacement lines, how many lines they replace, what)"""
    for i, line in enumerate(lines):
        code = line.split("//")[0]
        if not code.startswith(" "):
            continue  # a declaration at namespace scope
        if "(void)" in code:
            continue
        if STATEMENT.match(line) and balanced(code) and not declaration(line):
            yield i, [], 1, "dropped"
        match = CONDITION.match(line)
        if match and balanced(match[2]) and ";" not in match[2]:
            yield i, [f"{match[1]}(!({match[2]})){match[3]}"], 1, "negated"
        if i + 1 < len(lines) and CALL.match(line) and CALL.match(lines[i + 1]) and line.strip() != lines[i + 1].strip():
            yield i, [lines[i + 1], line], 2, "swapped"
        for old, new in ((" < ", " <= "), (" <= ", " < "), (" > ", " >= "), (" >= ", " > "), (" && ", " || "), (" || ", " && "),
                         (" + 1", ""), (" == ", " != ")):
            if code.count(old) == 1 and "template" not in code and "for (" not in code:
                yield i, [line.replace(old, new, 1)], 1, f"'{old.strip()}' made '{new.strip()}'"


# What main() prints of each that was counted.
PRINTED = re.compile(r"^ *\d+ (?P<file>lib/\S+):(?P<line>\d+) (?P<what>.*?): (?P<code>.*)  \d+\.\d s  (?P<verdict>.*)$")


def shown(line):
    return line.strip()[:70]


def survivors_of(output, candidates, sound):
    """Those candidates that survived an earlier run, and how many that run counted and killed."""
    runs = [match for match in map(PRINTED.match, output.read_text().splitlines()) if match]
    survived = [match for match in runs if match["verdict"] == "SURVIVED"]
    chosen = []
    for match in survived:
        same = [(file, at, *rest) for file, at, *rest in candidates
                if (file, rest[-1], shown(sound[file][at])) == (match["file"], match["what"], match["code"])]
        if same:
            chosen.append(min(same, key=lambda candidate: abs(candidate[1] + 1 - int(match["line"]))))
        else:
            print(f"no longer there: {match['file']}:{match['line']} {match['what']}: {match['code']}")
    return chosen, len(runs), len(runs) - len(survived)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--again", type=pathlib.Path)
    arguments = parser.parse_args()
    tree = Tree()
    sound, candidates = {}, []
    for file in sorted(tree.sound):
        if re.match(r"lib/(supervisor|runtime)/.*\.cc$", file) and not SKIPPED.search(file) and arguments.only in file:
            sound[file] = tree.sound[file].decode().split("\n")
            candidates += [(file, *defect) for defect in defects(sound[file])]
    counted_before = killed_before = 0
    if arguments.again:
        candidates, counted_before, killed_before = survivors_of(arguments.again, candidates, sound)
        arguments.count = len(candidates)
    else:
        random.Random(arguments.seed).shuffle(candidates)
    tree.check_sound({layer_of(file) for file, *_ in candidates})
    counted, survivors = 0, []
    for file, at, replacement, span, what in candidates:
        if counted == arguments.count:
            break
        lines = sound[file]
        mutant = lines[:at] + replacement + lines[at + span:]
        begin = time.monotonic()
        tree.write(file, "\n".join(mutant))
        verdict = None
        if tree.build(layer_of(file)):
            counted += 1
            verdict = tree.killed_by(layer_of(file)) or "SURVIVED"
        tree.restore([file])
        if verdict is None:
            continue
        print(f"{counted:4} {file}:{at + 1} {what}: {shown(lines[at])}  {time.monotonic() - begin:.1f} s  {verdict}", flush=True)
        if verdict == "SURVIVED":
            survivors.append("\n".join(difflib.unified_diff(lines, mutant, file, file, n=2, lineterm="")))
    for survivor in survivors:
        print("\n" + survivor)
    killed = counted - len(survivors)
    if arguments.again:
        print(f"\n{killed} of {counted} that had survived are killed now")
        counted, killed = counted_before, killed_before + killed
    seed = "" if arguments.again else f", seed {arguments.seed}"
    print(f"\n{killed} of {counted} killed: {100 * killed / max(counted, 1):.1f} %{seed}")


if __name__ == "__main__":
    main()
