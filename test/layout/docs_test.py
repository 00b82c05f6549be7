#!/usr/bin/env python3
"""Compiles the C++ blocks of a Markdown document, so that no document shows code that does not compile.

The info string of a fenced block decides:
    cpp             statements: put into a function of their own. A block with an `int main` is a program of its own.
    cpp coroutine   the same in a coroutine that returns engin::Co<>
    cpp file        declarations at namespace scope
    cpp wrong       shown as an error: not compiled
Other blocks are ignored. Lines with #include move to the top of the file. Every block that is not a program sees
<engin/supervisor.h>, `using namespace std::chrono_literals` and docs/examples/doc_prelude.h, and nothing of the blocks
before it. Errors name the document and its line.
"""

import argparse
import pathlib
import re
import subprocess
import sys

FENCE = re.compile(r"^(\s*)(```+)\s*(.*?)\s*$")
PROGRAM = re.compile(r"^\s*(int|auto)\s+main\s*\(", re.MULTILINE)
KINDS = {"cpp": "statements", "cpp coroutine": "coroutine", "cpp file": "declarations", "cpp wrong": None}


class BadDocument(Exception):
    pass


def blocks(text, name):
    """Yields (first line's number, info string, lines) of each C++ block."""
    fence, start, info, body = None, 0, "", []
    for number, line in enumerate(text.splitlines(), 1):
        match = FENCE.match(line)
        if fence is None:
            if match:
                fence, start, info, body = match[2], number + 1, match[3], []
        elif match and len(match[2]) >= len(fence) and not match[3]:
            if info.split()[:1] in (["cpp"], ["c++"], ["C++"]):
                if info not in KINDS:
                    raise BadDocument(f"{name}:{start - 1}: no such kind of block: {info!r}; there are {list(KINDS)}")
                yield start, info, body
            fence = None
        else:
            body.append(line)
    if fence is not None:
        raise BadDocument(f"{name}:{start - 1}: this block does not end")


def units(text, name):
    """Returns the texts of the files to compile: each program, and one file for all other blocks."""
    programs, hoisted, parts = [], [], []
    for start, info, body in blocks(text, name):
        if KINDS[info] is None:
            continue
        if PROGRAM.search("\n".join(body)):
            programs.append("\n".join([f'#line {start} "{name}"', *body, ""]))
            continue
        kept = []
        for offset, line in enumerate(body):
            if re.match(r"\s*#\s*include", line):
                hoisted += [f'#line {start + offset} "{name}"', line]
                kept.append("")
            else:
                kept.append(line)
        opening, closing = f"namespace block_at_line_{start} {{", "}"
        if KINDS[info] == "statements":
            # `auto`, so that the block may return anything, or nothing.
            opening, closing = opening + " [[maybe_unused]] auto block() {", "} }"
        elif KINDS[info] == "coroutine":
            opening, closing = opening + " [[maybe_unused]] engin::Co<> block() {", "} }"
        parts += [opening, f'#line {start} "{name}"', *kept, closing]
    if parts:
        prelude = ["#include <engin/supervisor.h>", '#include "docs/examples/doc_prelude.h"',
                   "using namespace std::chrono_literals;"]
        programs.append("\n".join([*prelude, *hoisted, *parts, ""]))
    return programs


def compile_document(text, name, arguments):
    """Returns the compiler's complaints, empty if there are none."""
    arguments.work.mkdir(parents=True, exist_ok=True)
    complaints = []
    try:
        texts = units(text, name)
    except BadDocument as error:
        return str(error)
    for number, unit in enumerate(texts):
        path = arguments.work / f"{name.replace('/', '_')}.{number}.cc"
        path.write_text(unit, encoding="utf-8")
        # Snippets leave results unused and variables unread; everything else must be right. g++ takes a local type for
        # one that other files see, since #line says that it stands in a file that is not the main one.
        command = [arguments.compiler, f"@{arguments.flags}", f"-I{arguments.source}", "-fsyntax-only", "-Wall",
                   "-Wextra", "-Werror", "-Wno-unused", "-Wno-unknown-warning-option", "-Wno-subobject-linkage",
                   str(path)]
        result = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        if result.returncode != 0:
            complaints.append(result.stderr)
    return "\n".join(complaints)


SELF_CHECK = [
    ("", "```cpp\n#include <vector>\nstd::vector<int> v = {1};\nreturn v.size();\n```\n```cpp\nint v = 0;\n```\n"),
    ("", "```cpp\nint main() { return 0; }\n```\n```cpp\nint main() {}\n```\n"),
    ("", "```cpp file\nstruct Reader { int x = 0; };\n```\n```cpp wrong\nthis is no C++\n```\n```sh\nls\n```\n"),
    ("self_check.md:4:", "# Title\n\n```cpp\nno_such_name();\n```\n"),
    ("self_check.md:3:", "```cpp\nint main() {\n  return no_such_name;\n}\n```\n"),
    ("self_check.md:2:", "```cpp file\nno_such_name();\n```\n"),
    ("no such kind of block", "```cpp example\n```\n"),
    ("does not end", "text\n```cpp\nint a = 0;\n"),
]


def self_check(arguments):
    # Without the library: this judges the machinery only.
    (arguments.work / "bare/engin").mkdir(parents=True, exist_ok=True)
    (arguments.work / "bare/docs/examples").mkdir(parents=True, exist_ok=True)
    (arguments.work / "bare/engin/supervisor.h").write_text("#include <chrono>\n", encoding="utf-8")
    (arguments.work / "bare/docs/examples/doc_prelude.h").write_text("", encoding="utf-8")
    (arguments.work / "bare/flags.rsp").write_text("-std=c++20\n", encoding="utf-8")
    arguments.source = arguments.work / "bare"
    arguments.flags = arguments.work / "bare/flags.rsp"
    for expected, text in SELF_CHECK:
        got = compile_document(text, "self_check.md", arguments)
        if (expected not in got) if expected else got:
            sys.exit(f"expected {expected!r} from:\n{text}\ngot:\n{got}")
    print(f"{len(SELF_CHECK)} documents judged as expected")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--flags", type=pathlib.Path, required=True)
    parser.add_argument("--self-check", action="store_true")
    parser.add_argument("document", nargs="?")
    arguments = parser.parse_args()
    if arguments.self_check:
        self_check(arguments)
        return
    text = (arguments.source / arguments.document).read_text(encoding="utf-8")
    complaints = compile_document(text, arguments.document, arguments)
    sys.exit(complaints or 0)


if __name__ == "__main__":
    main()
