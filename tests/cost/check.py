#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions that the scenarios of a program spend in ringcast_measured(), with callgrind.

    check.py PROGRAM [SCENARIO...]

Each scenario does the same steps twice: where little is there and where a lot is. The second may cost at most LIMIT
times the first. Instructions are counted and not time, so a busy machine changes nothing.
"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

LIMIT = 1.5


def instructions(program, scenario, size):
    with tempfile.TemporaryDirectory() as directory:
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", "--toggle-collect=ringcast_measured",
             f"--callgrind-out-file={directory}/out", program, scenario, size],
            capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or not found or int(found[1]) == 0:
        sys.exit(f"{scenario} {size}: ended with {run.returncode}\n{run.stderr}")
    return int(found[1])


def main():
    if shutil.which("valgrind") is None:
        print("skipped: no valgrind on this system")
        sys.exit(77)
    program = sys.argv[1]
    scenarios = sys.argv[2:] or subprocess.run([program, "--list"], capture_output=True, text=True,
                                               check=True).stdout.split()
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = {(scenario, size): pool.submit(instructions, program, scenario, size)
                  for scenario in scenarios for size in ("small", "large")}
        for scenario in scenarios:
            small, large = (counts[scenario, size].result() for size in ("small", "large"))
            ratio = large / small
            failed += ratio > LIMIT
            print(f"{'FAILED' if ratio > LIMIT else 'ok':6} {scenario}: {small:,} and {large:,} instructions,"
                  f" ratio {ratio:.2f}, at most {LIMIT}")
    sys.exit(1 if failed else 0)


main()
