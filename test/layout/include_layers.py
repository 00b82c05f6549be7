#!/usr/bin/env python3
"""Checks that includes follow the layers.

A folder below lib/ is a layer: host -> supervisor -> runtime -> policy -> base. An include points to the same layer or
a lower one. A public header belongs to the layer that holds a source of the same name (include/engin/backoff.h and
lib/policy/backoff.cc), or else to the highest layer among what it includes. Only lib/runtime includes oneTBB, and
public headers include nothing but the standard library, Abseil and each other.

    include_layers.py <root of the sources>
    include_layers.py --self-check
"""

import pathlib
import re
import sys
import tempfile

LAYERS = ["base", "policy", "runtime", "supervisor", "host"]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# <vector>, not <unistd.h>: the standard headers of C++ have no suffix and no folder.
STANDARD = re.compile(r"^[a-z_0-9]+$")


def includes(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1], match[2]


def is_onetbb(name):
    return name.startswith(("tbb/", "oneapi/"))


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.suffix in (".h", ".cc"))


def check(root):
    """Returns the violations, each as "file:line: what is wrong"."""
    errors = []
    public_root = root / "include"
    public = {str(path.relative_to(public_root)): path for path in files(public_root)}

    implemented_in = {}
    for source in files(root / "lib"):
        parts = source.relative_to(root / "lib").parts
        if len(parts) < 2 or parts[0] not in LAYERS:
            errors.append(f"{source.relative_to(root)}:1: not in a layer; the folders of lib/ are {', '.join(LAYERS)}")
        elif source.suffix == ".cc":
            rank = LAYERS.index(parts[0])
            implemented_in[source.stem] = min(rank, implemented_in.get(source.stem, rank))

    ranks = {}

    def rank_of(header):
        if header not in ranks:
            ranks[header] = 0  # ends cycles
            own = implemented_in.get(pathlib.PurePath(header).stem)
            ranks[header] = own if own is not None else max(
                (rank_of(name) for _, _, name in includes(public[header]) if name in public), default=0)
        return ranks[header]

    def check_layer(where, rank, name):
        if name in public:
            target = rank_of(name)
        elif name.startswith("engin/"):
            errors.append(f"{where}: there is no public header {name}")
            return
        else:
            target = LAYERS.index(name.split("/")[0])
        if target > rank:
            errors.append(f"{where}: {LAYERS[rank]} includes {name}, which belongs to {LAYERS[target]}, a higher layer")

    for header, path in public.items():
        for number, _, name in includes(path):
            where = f"{path.relative_to(root)}:{number}"
            if is_onetbb(name):
                errors.append(f"{where}: a public header includes oneTBB ({name})")
            elif name.startswith("engin/"):
                check_layer(where, rank_of(header), name)
            elif not name.startswith("absl/") and not STANDARD.match(name):
                errors.append(f"{where}: a public header includes {name}; only the standard library, absl/ and engin/")

    for source in files(root / "lib"):
        layer = source.relative_to(root / "lib").parts[0]
        if layer not in LAYERS:
            continue
        for number, kind, name in includes(source):
            where = f"{source.relative_to(root)}:{number}"
            if is_onetbb(name):
                if layer != "runtime":
                    errors.append(f"{where}: only lib/runtime includes oneTBB ({name})")
            elif name.startswith("engin/") or name.split("/")[0] in LAYERS:
                check_layer(where, LAYERS.index(layer), name)
            elif kind == '"' and not name.startswith("absl/"):
                errors.append(f'{where}: "{name}" does not begin with its layer, so it cannot be checked')
    return errors


# Each tree is right but for one line, and the message names what is wrong with it. An empty message: nothing is.
FIXTURES = [
    ("", {"lib/runtime/a.cc": '#include "base/b.h"\n#include "absl/status/status.h"\n#include <tbb/task_arena.h>\n#include <sys/mman.h>\n'}),
    ("", {"include/engin/a.h": "#include <engin/b.h>\n#include <absl/status/status.h>\n#include <vector>\n",
          "include/engin/b.h": "", "lib/policy/b.cc": "#include <engin/b.h>\n", "lib/host/a.cc": "#include <engin/a.h>\n"}),
    ("belongs to runtime, a higher layer", {"lib/base/a.cc": '#include "runtime/b.h"\n'}),
    ("belongs to supervisor, a higher layer",
     {"include/engin/a.h": "", "lib/supervisor/a.cc": "", "lib/runtime/b.cc": "#include <engin/a.h>\n"}),
    ("belongs to supervisor, a higher layer",
     {"include/engin/a.h": "", "lib/supervisor/a.cc": "", "include/engin/c.h": '#include "engin/a.h"\n',
      "lib/policy/b.cc": "#include <engin/c.h>\n"}),
    ("belongs to supervisor, a higher layer",
     {"include/engin/a.h": "", "lib/supervisor/a.cc": "", "include/engin/c.h": '#include "engin/a.h"\n',
      "lib/policy/c.cc": ""}),
    ("only lib/runtime includes oneTBB", {"lib/supervisor/a.cc": "#  include <oneapi/tbb/task_arena.h>\n"}),
    ("a public header includes oneTBB", {"include/engin/detail/a.h": "#include <tbb/tbb.h>\n"}),
    ("only the standard library", {"include/engin/a.h": "#include <unistd.h>\n"}),
    ("only the standard library", {"include/engin/a.h": '#include "base/mutex.h"\n'}),
    ("does not begin with its layer", {"lib/base/a.cc": '#include "../runtime/b.h"\n'}),
    ("there is no public header", {"lib/base/a.cc": "#include <engin/missing.h>\n"}),
    ("not in a layer", {"lib/helpers/a.cc": ""}),
    ("not in a layer", {"lib/a.cc": ""}),
]


def self_check():
    for expected, tree in FIXTURES:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in tree.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            errors = check(root)
        if [expected in error for error in errors] != ([True] if expected else []):
            sys.exit(f"expected {expected!r} from {tree}, got {errors}")
    print(f"{len(FIXTURES)} fixtures judged as expected")


def main():
    if sys.argv[1:] == ["--self-check"]:
        self_check()
        return
    if len(sys.argv) != 2 or not (pathlib.Path(sys.argv[1]) / "include" / "engin").is_dir():
        sys.exit(__doc__)
    errors = check(pathlib.Path(sys.argv[1]))
    sys.exit("\n".join(errors) if errors else 0)


if __name__ == "__main__":
    main()
