#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every test that a page of the documentation names exists, so that a page cannot go on naming one that was renamed.

    standards.py TOP       looks at the tree
    standards.py --self-test

A page names a file (`tests/unit/codec/utf8_test.cc`, `frames.test.js`), a case of a unit test (`Suite.Case`) or, behind
its file, the title of a JavaScript test or suite as it is written there (`frames.test.js` "protocol errors are 1002").
Behind a `_test.cc` in the same cell, cases are looked for in that file. Each row of docs/standards.md names one, or
says "no test".
"""
import pathlib
import re
import sys

CASE = re.compile(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", re.M)
TITLE = re.compile(r"\b(?:test|suite)\(\s*('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`(?:[^`\\]|\\.)*`)")
NAMED = re.compile(r"`(?P<file>[\w./-]+(?:_test\.cc|_test\.py|\.test\.js))`|`(?P<case>[A-Z]\w*\.[A-Z]\w*)`|"
                   r"(?P<other>`[^`]*`)|\"(?P<title>[^\"]+)\"")
BETWEEN = re.compile(r"[\s,]*(and\s*)?")


def cases_of(text):
    return {".".join(match) for match in CASE.findall(text)}


def titles_of(text):
    return {re.sub(r"\\(['\"`])", r"\1", literal[1:-1]) for literal in TITLE.findall(text)}


def cells(line):
    """A row's cells: a file holds for what is behind it in its cell only."""
    return re.split(r"(?<!\\)\|", line) if line.lstrip().startswith("|") else [line]


def missing(text, find):
    """What `text` names and is not there. find(file) is its content, or None; find(None) all unit tests' cases."""
    faults, named = [], 0
    for number, line in enumerate(text.splitlines(), 1):
        for cell in cells(line):
            file = content = None
            end = 0  # of the last file or title: the next title has to follow it
            for match in NAMED.finditer(cell):
                follows = file is not None and BETWEEN.fullmatch(cell[end:match.start()])
                if match["file"]:
                    file, content, end = match["file"], find(match["file"]), match.end()
                    named += 1
                    if content is None:
                        faults.append(f"{number}: there is no file {file}")
                elif match["case"]:
                    named += 1
                    of_file = file is not None and file.endswith(".cc") and content is not None
                    if match["case"] not in (cases_of(content) if of_file else find(None)):
                        faults.append(f"{number}: there is no test {match['case']}" + (f" in {file}" if of_file else ""))
                elif match["title"] and follows and file.endswith(".js"):
                    named += 1
                    end = match.end()
                    if content is not None and match["title"] not in titles_of(content):
                        faults.append(f"{number}: there is no test \"{match['title']}\" in {file}")
    return faults, named


def rows_without(text):
    """Rows of the tables whose last cell neither names a test nor says that there is none."""
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("|") or line.startswith(("| ---", "| section |")):
            continue
        row = cells(line)
        if len(row) != 6:
            faults.append(f"{number}: {len(row) - 2} cells instead of 4")
        elif row[4].strip() != "no test" and not any(match["file"] for match in NAMED.finditer(row[4])):
            faults.append(f"{number}: no test is named")
    return faults


def self_test():
    files = {"tests/unit/a_test.cc": "TEST(Frames, Masked) {\nTEST_F(World,\n       Turns) {\n",
             "b.test.js": "suite('all', {}, (test) => {\n  test('it\\'s \"1\"', a);\n  test(`ends, ${how}`, b);\n  test(\n    'wrapped', c);"}
    everywhere = cases_of(files["tests/unit/a_test.cc"])

    def faults(text):
        return [fault.split(": ", 1)[1] for fault in missing(text, lambda file: files.get(file) if file else everywhere)[0]]

    assert everywhere == {"Frames.Masked", "World.Turns"}
    assert titles_of(files["b.test.js"]) == {"all", "it's \"1\"", "ends, ${how}", "wrapped"}
    assert faults('| x | `tests/unit/a_test.cc` `Frames.Masked`, `World.Turns`, `b.test.js` "all", "wrapped" |') == []
    assert faults('`b.test.js` "ends, ${how}"; and "a phrase" of the text, "another"') == []
    assert faults("| `Frames.Masked` | `Frames.Unmasked` |") == ["there is no test Frames.Unmasked"]
    assert faults("`tests/unit/c_test.cc`, `d.test.js`") == ["there is no file tests/unit/c_test.cc", "there is no file d.test.js"]
    assert faults('`b.test.js` "all", "wrappe"') == ['there is no test "wrappe" in b.test.js']
    files["tests/unit/e_test.cc"] = "TEST(Other, Case) {"
    assert faults("`tests/unit/e_test.cc` `Frames.Masked`") == ["there is no test Frames.Masked in tests/unit/e_test.cc"]
    assert faults("`x | y` \"quoted\" `Not.a.case` `file.Name`") == []
    assert missing('`b.test.js` "all" `Frames.Masked`', lambda file: files.get(file) if file else everywhere)[1] == 3

    good = "| section | what | does | test |\n| --- | --- | --- | --- |\n| 1 | a `x\\|y` | b | `b.test.js` \"all\" |\n| 2 | a | b | no test |\n"
    assert rows_without(good) == []
    assert rows_without(good + "| 3 | a | b | |\n| 4 | a | b |\n| 5 | a | `b.test.js` | later |\n") == [
        "5: no test is named", "6: 3 cells instead of 4", "7: no test is named"]


def main():
    if sys.argv[1] == "--self-test":
        return self_test()
    top = pathlib.Path(sys.argv[1])
    unit = set().union(*(cases_of(path.read_text()) for path in sorted((top / "tests/unit").rglob("*_test.cc"))))
    assert len(unit) > 500, f"only {len(unit)} unit tests found: have they another form?"
    scripts = {path.name: path for folder in ("client", "integration") for path in (top / "tests" / folder).glob("*.test.js")}

    def find(file):
        if file is None:
            return unit
        path = top / file if "/" in file else scripts.get(file)
        return path.read_text() if path is not None and path.is_file() else None

    faults, total = [], 0
    for page in [*sorted((top / "docs").glob("*.md")), *sorted(top.glob("*.md"))]:
        text = page.read_text()
        found, named = missing(text, find)
        if page.name == "standards.md":
            found += rows_without(text)
            assert named > 100, f"only {named} tests found in {page.name}: has it another form?"
        faults += [f"{page.relative_to(top)}:{fault}" for fault in found]
        total += named
    print(*faults, sep="\n", end="\n" if faults else "")
    print(f"{total} tests and files are named, {len(faults)} faults")
    sys.exit(1 if faults else 0)


main()
