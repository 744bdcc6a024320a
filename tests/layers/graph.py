#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The graph of the layers as the build has it: which folders the sources of each folder can include.

    graph.py ROOT BUILD           prints it, from the include directories of BUILD/compile_commands.json, and ends with 1
                                  when a folder sees one that neither it nor what it uses may use (src/README.md)
    graph.py ROOT BUILD --dot     the same for Graphviz
"""
import json
import pathlib
import re
import sys

from check import read_table


def seen_by(commands, folders):
    """folder -> folders whose headers its sources can include"""
    seen = {}
    for entry in commands:
        source = entry["file"]
        found = re.search(r"(?:^|/)src/(\w+)/", source)
        # Joined sources lie in the build tree, below the folder whose they are.
        if not found or f"src/{found[1]}" not in folders:
            continue
        includes = re.findall(r"-I(?:\S*/)?src/include/(\w+)", entry["command"])
        seen.setdefault(f"src/{found[1]}", set()).update(f"src/{name}" for name in includes)
    return seen


def closure(rows, folder):
    reached, todo = set(), [folder]
    while todo:
        at = todo.pop()
        for used in rows[at][0]:
            used = used if used in rows else "src/" + used.split("/")[0]
            if used in rows and used not in reached:
                reached.add(used)
                todo.append(used)
    return reached


def main():
    root, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    rows = read_table((root / "src/README.md").read_text(encoding="utf-8"))
    folders = [folder for folder in rows if folder.startswith("src/")]
    seen = seen_by(json.loads((build / "compile_commands.json").read_text(encoding="utf-8")), folders)
    breaches = []
    dot = "--dot" in sys.argv
    if dot:
        print("digraph layers {")
    for folder in folders:
        if folder not in seen:
            breaches.append(f"{folder}: no source of it is built")
            continue
        others = sorted(seen[folder] - {folder}, key=folders.index)
        if dot:
            for other in others:
                print(f'  "{folder[4:]}" -> "{other[4:]}";')
        else:
            print(f"{folder[4:]:10} sees {' '.join(other[4:] for other in others) or 'nothing else'}")
        for other in set(others) - closure(rows, folder):
            breaches.append(f"{folder} sees {other}, which nothing that it uses may use")
    if dot:
        print("}")
    print("\n".join(breaches))
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
