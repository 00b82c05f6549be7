#!/usr/bin/env python3
"""Checks the links in the documents: each leads to a file, and each document can be reached from the README.

    docs_links.py SOURCE       SOURCE: the root of the source tree
    docs_links.py --self-check
"""

import pathlib
import re
import sys
import tempfile

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def documents_of(root):
    return {*root.glob("*.md"), *root.glob("docs/**/*.md")}


def complaints(root):
    documents, broken, links = documents_of(root), [], {}
    for document in documents:
        links[document] = set()
        for target in LINK.findall(re.sub(r"^```.*?^```", "", document.read_text(), flags=re.M | re.S)):
            if re.match(r"[a-z]+:", target):
                continue
            path = (document.parent / target).resolve()
            if not path.exists():
                broken.append(f"{document.relative_to(root)}: there is no {target}")
            links[document] |= {path, *path.glob("*.md")} if path.is_dir() else {path}
    reached, ahead = set(), {root / "README.md"}
    while ahead:
        document = ahead.pop()
        reached.add(document)
        ahead |= (links[document] & documents) - reached
    return sorted(broken) + [f"{document.relative_to(root)}: no link leads here"
                             for document in sorted(documents - reached) if document.parent != root]


def self_check():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve()
        (root / "docs/adr").mkdir(parents=True)
        (root / "README.md").write_text("[a](docs/a.md) [web](https://example.com) [code](nowhere)\n")
        (root / "docs/a.md").write_text("[all](adr/) [up](../README.md#part)\n```cpp\n[x](y)\n```\n")
        (root / "docs/adr/1.md").write_text("")
        (root / "docs/lost.md").write_text("")
        found = complaints(root)
        expected = ["README.md: there is no nowhere", "docs/lost.md: no link leads here"]
        if found != expected:
            sys.exit(f"self-check: found {found}")


if sys.argv[1] == "--self-check":
    self_check()
elif found := complaints(pathlib.Path(sys.argv[1]).resolve()):
    sys.exit("\n".join(found))
