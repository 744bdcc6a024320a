#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the testlog.json of `meson test` (one JSON object a line) and prints "PASSED FAILED SKIPPED".

A GoogleTest program counts with each of its cases, any other test as one. The output of a test that failed goes to
standard error. A program that dies in the middle counts as one failure beside the cases that it had finished.
"""
import json
import os
import re
import sys

OUTPUT_LINES_MAX = 120


def last_number(pattern, text):
    found = re.findall(pattern, text, re.MULTILINE)
    return int(found[-1]) if found else 0


def cases(test):
    """(passed, failed, skipped) of one test."""
    text = test.get("stdout", "")
    result = test["result"]
    if not re.search(r"^\[==========\] Running \d+ tests?", text, re.MULTILINE):
        if result == "SKIP":
            return 0, 0, 1
        return (1, 0, 0) if result == "OK" else (0, 1, 0)
    passed = len(re.findall(r"^\[       OK \]", text, re.MULTILINE))
    failed = last_number(r"^\[  FAILED  \] (\d+) tests?, listed below", text)
    skipped = last_number(r"^\[  SKIPPED \] (\d+) tests?, listed below", text)
    if result != "OK" and failed == 0:
        failed = 1
    if result == "OK" and passed + skipped == 0:
        failed = 1  # a test program without tests proves nothing
    return passed, failed, skipped


def interesting(text):
    lines = [line for line in text.splitlines() if not re.match(r"\[( RUN      |       OK |----------)\]", line)]
    if len(lines) > OUTPUT_LINES_MAX:
        half = OUTPUT_LINES_MAX // 2
        lines = lines[:half] + [f"[{len(lines) - OUTPUT_LINES_MAX} lines left out]"] + lines[-half:]
    return "\n".join(lines)


def self_test():
    ran = "[==========] Running 3 tests from 1 test suite.\n"
    ok = "[       OK ] A.b (0 ms)\n"
    failed = "[  FAILED  ] A.c (0 ms)\n[  FAILED  ] 1 test, listed below:\n[  FAILED  ] A.c\n"
    skipped = "[  SKIPPED ] A.d (0 ms)\n[  SKIPPED ] 1 test, listed below:\n[  SKIPPED ] A.d\n"
    expected = [
        ("OK", ran + ok + ok + ok, (3, 0, 0)),
        ("FAIL", ran + ok + ok + failed, (2, 1, 0)),
        ("OK", ran + ok + ok + skipped, (2, 0, 1)),
        ("FAIL", ran + ok, (1, 1, 0)),  # died in the middle
        ("TIMEOUT", ran + ok, (1, 1, 0)),
        ("FAIL", ran + ok + ok + ok, (3, 1, 0)),  # a leak report at the end
        ("OK", ran, (0, 1, 0)),
        ("OK", "all good\n", (1, 0, 0)),
        ("FAIL", "", (0, 1, 0)),
        ("TIMEOUT", "", (0, 1, 0)),
        ("ERROR", "", (0, 1, 0)),
        ("SKIP", "", (0, 0, 1)),
    ]
    wrong = [(result, text, cases({"result": result, "stdout": text})) for result, text, counts in expected
             if cases({"result": result, "stdout": text}) != counts]
    for line in wrong:
        print(line)
    return 1 if wrong else 0


def main():
    log_folder = os.path.dirname(sys.argv[1])
    if sys.argv[1] == "--self-test":
        return self_test()
    total = [0, 0, 0]
    with open(sys.argv[1], encoding="utf-8") as log:
        for line in log:
            test = json.loads(line)
            counts = cases(test)
            total = [a + b for a, b in zip(total, counts)]
            if counts[1]:
                print(f"FAILED: {test['name']} ({test['result']}), whole in {log_folder}/testlog.txt", file=sys.stderr)
                print(interesting(test.get("stdout", "") + test.get("stderr", "")), file=sys.stderr)
    if sum(total) == 0:
        print("no test has run", file=sys.stderr)
        return 1
    print(*total)
    return 0


if __name__ == "__main__":
    sys.exit(main())
