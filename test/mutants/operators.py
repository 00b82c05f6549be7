#!/usr/bin/env python3
"""Makes small defects in lib/supervisor and lib/runtime by rules, and counts how many the tests notice.

    operators.py [--count N] [--seed S] [--only PATH]    PATH: a part of the file's name

A defect is one of: a statement dropped, a condition negated, two neighbouring calls swapped, a comparison shifted by
one, && for || and the reverse. Those that do not compile are not counted. What survives is printed as a diff;
survivors.md says of those seen before why they do.
"""
import argparse
import difflib
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    tree = Tree()
    candidates = []
    for file in sorted(tree.sound):
        if re.match(r"lib/(supervisor|runtime)/.*\.cc$", file) and not SKIPPED.search(file) and arguments.only in file:
            lines = tree.sound[file].decode().split("\n")
            candidates += [(file, *defect) for defect in defects(lines)]
    random.Random(arguments.seed).shuffle(candidates)
    tree.check_sound({layer_of(file) for file, *_ in candidates})
    counted, survivors = 0, []
    for file, at, replacement, span, what in candidates:
        if counted == arguments.count:
            break
        lines = tree.sound[file].decode().split("\n")
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
        print(f"{counted:4} {file}:{at + 1} {what}: {lines[at].strip()[:70]}  {time.monotonic() - begin:.1f} s  {verdict}", flush=True)
        if verdict == "SURVIVED":
            survivors.append("\n".join(difflib.unified_diff(lines, mutant, file, file, n=2, lineterm="")))
    for survivor in survivors:
        print("\n" + survivor)
    killed = counted - len(survivors)
    print(f"\n{killed} of {counted} killed: {100 * killed / max(counted, 1):.1f} %, seed {arguments.seed}")


if __name__ == "__main__":
    main()
