#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the "may use" table of src/README.md against the includes, and the code against the rules of its shape: at most
25 units in a folder, two sources for a class, and [[nodiscard]] wherever an error is returned.

    check.py ROOT                 reads every include below the folders of the table
    check.py ROOT --self-test     proves on made-up trees that each kind of breach is found

A folder may include its own headers, those that its row names, by folder or one by one, and the headers of system
libraries that no other row claims. Prints each breach as FILE:LINE: what, and ends with 1.
"""
import pathlib
import re
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SUFFIXES = {".h", ".cc"}


def codes(cell):
    return re.findall(r"`([^`]+)`", cell)


def read_table(text):
    """folder -> (folders and single headers it may use, system headers that are its own)"""
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 4:
            (folder,) = codes(cells[0])
            rows[folder] = (set(codes(cells[2])), set(codes(cells[3])))
    return rows


def check_table(root, rows):
    for folder, (uses, _) in rows.items():
        for used in uses - rows.keys():
            if (root / "src" / used).is_file():
                continue
            yield f"src/README.md: {folder} may use {used}, which has no row"
    for path in sorted((root / "src").iterdir()):
        if path.is_dir() and f"src/{path.name}" not in rows:
            yield f"src/README.md: no row for src/{path.name}"
    # No circles: what a folder may use, directly or not, must not lead back to it.
    for start in rows:
        seen, todo = set(), list(rows[start][0])
        while todo:
            folder = todo.pop()
            if folder == start:
                yield f"src/README.md: {start} may use itself in a circle"
                break
            if folder not in seen and folder in rows:
                seen.add(folder)
                todo += rows[folder][0]


def check_file(root, path, folder, rows):
    uses, own_system = rows[folder]
    foreign_system = {header: owner for owner, (_, headers) in rows.items() for header in headers}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        bracket, name = found.groups()
        place = f"{path.relative_to(root)}:{number}"
        if bracket == "<":
            if name in foreign_system and name not in own_system:
                yield f"{place}: <{name}> belongs to {foreign_system[name]}"
            continue
        target = (path.parent / name).resolve()
        beside = target.is_file() and target.is_relative_to((root / folder).resolve())
        owner = "src/" + name.split("/")[0]
        if owner in rows:
            if owner != folder and owner not in uses and name not in uses:
                yield f"{place}: {folder} may not use {owner} (\"{name}\")"
        elif name.startswith("ringcast/"):
            if folder != "src/embed":
                yield f"{place}: only src/embed may use the public headers (\"{name}\")"
        elif not beside and name not in own_system:
            yield f"{place}: \"{name}\" is in no folder of the table"


MEMBER = re.compile(r"^\w[^;={}()]*?\b([A-Z]\w+)::~?\w+\(", re.M)
ERROR = re.compile(r"^ *(?:static |virtual |inline |constexpr )*(?:Result<[^;=()]*>|std::optional<Error>) \w+\(", re.M)
UNITS_MAX = 25
SOURCES_MAX = 2


def check_shape(root, folders):
    units, sources = {}, {}
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in SUFFIXES:
                continue
            units.setdefault(path.parent, set()).add(path.stem)
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".cc":
                for name in set(MEMBER.findall(text)):
                    sources.setdefault((folder, name), []).append(path)
            else:
                for found in ERROR.finditer(text):
                    line = text.count("\n", 0, found.start()) + 1
                    yield f"{path.relative_to(root)}:{line}: an error is returned without [[nodiscard]]"
    for path, stems in units.items():
        if len(stems) > UNITS_MAX:
            yield f"{path.relative_to(root)}: {len(stems)} units, at most {UNITS_MAX} are a folder"
    for (folder, name), paths in sources.items():
        if len(paths) > SOURCES_MAX:
            names = ", ".join(path.name for path in paths)
            yield f"{folder}: {name} has {len(paths)} sources ({names}), at most {SOURCES_MAX} are a class"


def check(root):
    rows = read_table((root / "src/README.md").read_text(encoding="utf-8"))
    if not rows:
        yield "src/README.md: no table"
    yield from check_table(root, rows)
    files = 0
    for folder in rows:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES:
                files += 1
                yield from check_file(root, path, folder, rows)
    yield from check_shape(root, [folder for folder in rows if folder.startswith(("src/", "tools/"))])
    for path in sorted((root / "include").rglob("*.h")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found = INCLUDE.match(line)
            if found and not (found[2].startswith("ringcast/") or (found[1] == "<" and "." not in found[2])):
                yield f"{path.relative_to(root)}:{number}: a public header may use the standard library only"
    if files == 0:
        yield "no source file was found"


def self_test():
    table = (
        "| `src/low` | x | – | `own.h` |\n| `src/high` | x | `src/low` | |\n| `src/server` | x | `src/high` | |\n"
    )
    one_header = table.replace("`src/high` | |", "`src/high`, `low/b.h` | |")
    cases = [
        ({"src/high/a.cc": '#include "low/b.h"\n#include <vector>\n#include <sys/uio.h>\n'}, None),
        ({"src/low/a.cc": '#include "high/b.h"\n'}, "src/low may not use src/high"),
        ({"src/server/a.cc": '#include "low/b.h"\n'}, "src/server may not use src/low"),
        ({"src/README.md": one_header, "src/low/b.h": "", "src/server/a.cc": '#include "low/b.h"\n'}, None),
        ({"src/README.md": one_header, "src/low/b.h": "", "src/server/a.cc": '#include "low/c.h"\n'},
         "src/server may not use src/low"),
        ({"src/high/a.h": "#  include <own.h>\n"}, "<own.h> belongs to src/low"),
        ({"src/low/a.h": "#include <own.h>\n"}, None),
        ({"src/high/a.cc": '#include "elsewhere/b.h"\n'}, "is in no folder of the table"),
        ({"src/high/a.cc": '#include "b.h"\n', "src/high/b.h": ""}, None),
        ({"src/high/part/a.cc": '#include "../b.h"\n', "src/high/b.h": ""}, None),
        ({"src/low/a.cc": '#include "../high/b.h"\n', "src/high/b.h": ""}, "is in no folder of the table"),
        ({"src/high/a.cc": '#include "ringcast/server.h"\n'}, "only src/embed may use the public headers"),
        ({"src/new/a.cc": "", "src/low/b.cc": ""}, "no row for src/new"),
        ({"include/ringcast/a.h": "#include <string>\n", "src/low/a.cc": ""}, None),
        ({"include/ringcast/a.h": "#include <zlib.h>\n", "src/low/a.cc": ""}, "the standard library only"),
        ({"include/ringcast/a.h": '#include "low/a.h"\n', "src/low/a.cc": ""}, "the standard library only"),
        ({"src/README.md": table.replace("| – |", "| `src/server` |"), "src/low/a.cc": ""}, "in a circle"),
        ({"src/README.md": table.replace("| – |", "| `src/gone` |"), "src/low/a.cc": ""}, "which has no row"),
        ({f"src/low/a{i}.h": "" for i in range(26)}, "src/low: 26 units"),
        ({f"src/low/a{i}.h": "" for i in range(25)}, None),
        ({f"src/low/{i}.cc": "void Thing::go() {}\n" for i in "abc"}, "Thing has 3 sources (a.cc, b.cc, c.cc)"),
        ({f"src/low/{i}.cc": "void Thing::go() {}\n" for i in "ab"}, None),
        ({f"src/low/{i}.cc": "  Thing::go();\n" for i in "abc"}, None),
        ({"src/low/a.h": "  static Result<int> read();\n"}, "src/low/a.h:1: an error is returned"),
        ({"src/low/a.h": "std::optional<Error> read(\n    int x);\n"}, "src/low/a.h:1: an error is returned"),
        ({"src/low/a.h": "  [[nodiscard]] Result<int> read();\nResult<int> (*read)();\n"}, None),
        ({"src/README.md": "nothing\n"}, "no table"),
        ({}, "no source file"),
    ]
    failures = 0
    for files, expected in cases:
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            for name, text in {"src/README.md": table, **files}.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            found = list(check(root))
        good = not found if expected is None else len(found) >= 1 and any(expected in line for line in found)
        if not good:
            failures += 1
            print(f"expected {expected!r} of {files}, found {found}")
    return failures


def main():
    if "--self-test" in sys.argv:
        return 1 if self_test() else 0
    breaches = list(check(pathlib.Path(sys.argv[1])))
    print("\n".join(breaches))
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
