#!/usr/bin/env python3
"""Checks that a picture in the documents shows the graph that a program prints: the same nodes, words, blocks and arrows.

    docs_graph.py PICTURE PROGRAM [ARGUMENT...]     compares; needs no Graphviz, and does not care which version drew it
    docs_graph.py --draw PICTURE PROGRAM [ARG...]   draws it anew, with Graphviz
"""

import html
import pathlib
import re
import subprocess
import sys


def of_text(text):
    """What Graph::graphviz() wrote: (title, words) of each node and block, and the titles of the arrows."""
    nodes = {(name, label.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\"))
             for name, label in re.findall(r'^  (n\d+) \[label="((?:[^"\\]|\\.)*)"', text, re.M)}
    blocks = set(re.findall(r'^subgraph (cluster_\d+) \{\nlabel="((?:[^"\\]|\\.)*)";', text, re.M))
    return nodes | blocks, sorted(re.findall(r"^  (n\d+ -> n\d+);", text, re.M))


def of_picture(svg):
    """The same of the picture that dot made of it."""
    shown, arrows = set(), []
    for kind, title, body in re.findall(r'class="(node|cluster|edge)">\s*<title>(.*?)</title>(.*?)</g>', svg, re.S):
        if kind == "edge":
            arrows.append(html.unescape(title).replace("->", " -> "))
        else:
            words = [html.unescape(text) for text in re.findall(r"<text[^>]*>(.*?)</text>", body)]
            shown.add((title, "\n".join(words)))
    return shown, sorted(arrows)


def main():
    arguments = sys.argv[1:]
    draw = arguments[0] == "--draw"
    picture, *command = arguments[draw:]
    text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
    if draw:
        svg = subprocess.run(["dot", "-Tsvg"], check=True, capture_output=True, text=True, input=text).stdout
        pathlib.Path(picture).write_text(svg)
    expected, actual = of_text(text), of_picture(pathlib.Path(picture).read_text())
    if not expected[0] or expected != actual:
        sys.exit(f"{picture} is not the graph of {' '.join(command)}; draw it with --draw.\n"
                 f"not shown: {expected[0] - actual[0]}\nshown: {actual[0] - expected[0]}\n"
                 f"arrows: {expected[1]}\nshown:  {actual[1]}")


main()
