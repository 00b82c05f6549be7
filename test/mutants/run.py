#!/usr/bin/env python3
"""Applies the patches of this folder, one at a time, to a copy of the tree, and runs the tests that are to notice.

    run.py [--check] [NAME...]    those whose names contain one of these; --check: only whether they apply

Exit status 1 if one survives, does not apply or does not compile.
"""
import argparse
import pathlib
import sys
import time

from mutants import Tree, layer_of, patched_files


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    patches = [patch for patch in sorted(pathlib.Path(__file__).parent.glob("*.patch"))
               # Those of the lower cut are shown to its own simulator: lower.sh.
               if (arguments.check or not patch.stem.startswith("lower_"))
               and (not arguments.names or any(name in patch.stem for name in arguments.names))]
    # Those of one file after one another, so that less has to be built again.
    patches.sort(key=lambda patch: (patched_files(patch), patch.stem))
    if not patches:
        raise SystemExit("no such patch")
    tree = Tree()
    if not arguments.check:
        tree.check_sound({layer_of(patched_files(patch)[0]) for patch in patches})
    width = max(len(patch.stem) for patch in patches)
    bad = []
    for patch in patches:
        files = patched_files(patch)
        layer = layer_of(files[0])
        begin = time.monotonic()
        if error := tree.apply(patch):
            verdict = "DOES NOT APPLY: " + error.strip().splitlines()[0]
        elif arguments.check:
            verdict = "applies"
        elif not tree.build(layer):
            verdict = "DOES NOT COMPILE"
        else:
            built = time.monotonic()
            verdict = tree.killed_by(layer) or "SURVIVED: " + patch.read_text().splitlines()[0]
            verdict = f"{time.monotonic() - built:5.1f} s  {verdict}"
        tree.restore(files)
        if any(word in verdict for word in ("SURVIVED", "DOES NOT")):
            bad.append(patch.stem)
        print(f"{patch.stem:{width}}  {time.monotonic() - begin:5.1f} s  {verdict}", flush=True)
    print(f"{len(patches) - len(bad)} of {len(patches)} {'apply' if arguments.check else 'killed'}")
    if bad:
        print("not so: " + ", ".join(bad))
        sys.exit(1)


if __name__ == "__main__":
    main()
