#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Replays the transcripts of Markdown pages against a server of its own: replay.py RINGCAST PAGE…

Fenced blocks that are marked `console` are replayed, per page, in order, against one fresh server:

    ```console          each "$ " line is run to its end; what follows is its output, whole
    ```console stream   one command that goes on: its output begins with what follows, more may come later
    ```console more     no command: what the last stream says next

`http://localhost:3000` in a command stands for the server. In the expected text, ids (numbers of ten digits and more),
times and `...` stand for any of their kind; an id that is written twice means the same number both times. Heartbeats
come when they come and are left out.
The last line of the output is "N passed, N failed"; each command and each `more` counts as one.
"""
import json
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time

DEADLINE_S = 15
TOKENS = re.compile(r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)|(?P<id>\d{10,})|(?P<any>\.\.\.)")


def pattern_of(text):
    """A regular expression for the expected text; equal ids refer back to the first."""
    out, at, names = "", 0, {}
    for token in TOKENS.finditer(text):
        out += re.escape(text[at:token.start()])
        at = token.end()
        if token["time"]:
            out += r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
        elif token["any"]:
            out += r".*?"
        elif token["id"] in names:
            out += f"(?P={names[token['id']]})"
        else:
            names[token["id"]] = f"id{len(names)}"
            out += rf"(?P<{names[token['id']]}>\d+)"
    return out + re.escape(text[at:])


def blocks(page):
    """(kind, lines) of each block to replay."""
    kind, lines = None, []
    for line in page.splitlines():
        if kind is None:
            found = re.fullmatch(r"```console(?: (stream|more))?", line)
            if found:
                kind, lines = found[1] or "run", []
        elif line == "```":
            yield kind, lines
            kind = None
        else:
            lines.append(line)


def steps(page):
    """(kind, command, expected text)"""
    for kind, lines in blocks(page):
        if kind == "more":
            yield kind, None, "".join(line + "\n" for line in lines)
            continue
        command, expected = None, ""
        for line in lines:
            if line.startswith("$ "):
                if command is not None:
                    yield kind, command, expected
                command, expected = line[2:], ""
            else:
                expected += line + "\n"
        if command is not None:
            yield kind, command, expected


class Process:
    """A command whose output is read as it comes."""

    def __init__(self, command, **options):
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, **options)
        self.text = ""
        self.consumed = 0
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)

    def read_more(self, deadline):
        """False at the end of the output or at the deadline."""
        if not self.selector.select(max(0, deadline - time.monotonic())):
            return False
        data = os.read(self.process.stdout.fileno(), 65536)
        self.text = (self.text + data.decode("utf-8", "replace")).replace(": heartbeat\n\n", "")
        return bool(data)

    def expect_next(self, pattern):
        """Waits until the output goes on with the pattern."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            found = re.compile(pattern, re.DOTALL).match(self.text, self.consumed)
            if found:
                self.consumed = found.end()
                return True
            if not self.read_more(deadline):
                return False

    def expect_whole(self, pattern):
        deadline = time.monotonic() + DEADLINE_S
        while self.read_more(deadline):
            pass
        rest = self.text[self.consumed:].rstrip("\n")
        return self.ended() and re.fullmatch(pattern, rest, re.DOTALL) is not None

    def ended(self):
        try:
            return self.process.wait(DEADLINE_S) == 0
        except subprocess.TimeoutExpired:
            return False

    def end(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, server):
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
        except OSError:
            server.selector.select(0.05)  # its log line, or a moment
    return False


def replay(binary, path):
    """(passed, failed) of one page."""
    with open(path, encoding="utf-8") as file:
        page = file.read()
    port = free_port()
    server = Process([binary, "--port", str(port), "--drain-delay=0s"])
    passed = failed = 0
    streams = []
    try:
        if not wait_for(port, server):
            server.read_more(time.monotonic())
            print(f"{path}: the server did not start: {server.text}")
            return 0, 1
        for kind, command, expected in steps(page):
            pattern = pattern_of(expected)
            if kind == "more":
                good = bool(streams) and streams[-1].expect_next(pattern)
                actual = streams[-1].text[streams[-1].consumed:] if streams else ""
            else:
                process = Process(["bash", "-c", command.replace("localhost:3000", f"localhost:{port}")])
                if kind == "stream":
                    streams.append(process)
                    good = process.expect_next(pattern)
                else:
                    good = process.expect_whole(pattern_of(expected.rstrip("\n")))
                actual = process.text
                if kind != "stream":
                    process.end()
            passed += good
            failed += not good
            if not good:
                print(f"{path}: {command or 'what the stream says next'}\n--- expected\n{expected}--- got\n{actual}")
    finally:
        for process in streams + [server]:
            process.end()
    if passed + failed == 0:
        print(f"{path}: nothing to replay")
        failed = 1
    return passed, failed


def main():
    totals = [replay(sys.argv[1], path) for path in sys.argv[2:]]
    passed, failed = sum(t[0] for t in totals), sum(t[1] for t in totals)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
