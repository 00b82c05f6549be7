#!/usr/bin/env python3
"""Checks that a file does not compile, for the reason it gives.

The file holds one or more comments `// EXPECT: <regular expression>`, each of which the compiler's output must match,
and code that is wrong unless ENGIN_COMPILE_OK is defined. A regular expression that depends on the compiler is written
`// EXPECT(g++): ...` and `// EXPECT(clang++): ...`.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

EXPECT = re.compile(r"^\s*// EXPECT(?:\((g\+\+|clang\+\+)\))?: (.+?)\s*$", re.MULTILINE)


def compile_once(compiler, flags, path, *more):
    # The C locale keeps quotation marks in messages ASCII.
    command = [compiler, f"@{flags}", "-fsyntax-only", "-Wall", "-Werror", *more, str(path)]
    result = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False,
                            env={**os.environ, "LC_ALL": "C"})
    return result.returncode == 0, result.stderr


def check(compiler, flags, path):
    """Returns what is wrong, or an empty string."""
    kind = "clang++" if "clang" in pathlib.Path(compiler).name else "g++"
    expected = [text for only, text in EXPECT.findall(path.read_text(encoding="utf-8")) if only in ("", kind)]
    if not expected:
        return f"{path}: no `// EXPECT: <regular expression>` for {kind}"
    compiled, output = compile_once(compiler, flags, path, "-DENGIN_COMPILE_OK")
    if not compiled:
        return f"{path}: does not compile with -DENGIN_COMPILE_OK:\n{output}"
    compiled, output = compile_once(compiler, flags, path)
    if compiled:
        return f"{path}: compiles, but must not"
    for text in expected:
        if not re.search(text, output):
            return f"{path}: fails without a message that matches {text!r}:\n{output}"
    return ""


SELF_CHECK = [
    ("", "// EXPECT: a reason\n#ifndef ENGIN_COMPILE_OK\n#error a reason\n#endif\n"),
    ("", "// EXPECT(g++): a rea.on\n// EXPECT(clang++): a reas[ol]n\n#ifndef ENGIN_COMPILE_OK\n#error a reason\n#endif\n"),
    ("compiles, but must not", "// EXPECT: a reason\n"),
    ("fails without a message", "// EXPECT: another reason\n#ifndef ENGIN_COMPILE_OK\n#error a reason\n#endif\n"),
    ("does not compile with", "// EXPECT: a reason\n#error a reason\n"),
    ("no `// EXPECT", "#error a reason\n"),
]


def self_check(compiler):
    with tempfile.TemporaryDirectory() as folder:
        flags = pathlib.Path(folder) / "flags.rsp"
        flags.write_text("-std=c++20\n", encoding="utf-8")
        path = pathlib.Path(folder) / "case.cc"
        for expected, text in SELF_CHECK:
            path.write_text(text, encoding="utf-8")
            got = check(compiler, flags, path)
            if (expected not in got) if expected else got:
                sys.exit(f"expected {expected!r} from:\n{text}\ngot:\n{got}")
    print(f"{len(SELF_CHECK)} files judged as expected")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--flags", type=pathlib.Path, required=True)
    parser.add_argument("--self-check", action="store_true")
    parser.add_argument("file", type=pathlib.Path, nargs="?")
    arguments = parser.parse_args()
    if arguments.self_check:
        self_check(arguments.compiler)
    else:
        sys.exit(check(arguments.compiler, arguments.flags, arguments.file) or 0)


if __name__ == "__main__":
    main()
