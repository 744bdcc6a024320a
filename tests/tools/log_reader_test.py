#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server whose standard output and error are a full pipe that nobody reads: it starts, serves, reloads and ends.

    log_reader_test.py RINGCAST [unittest arguments]
"""
import http.client
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

RINGCAST = sys.argv.pop(1)
DEADLINE_S = 60


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE_S)
        self.sock.connect(self.path)


class LogReader(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.socket = f"{self.directory}/ringcast.sock"

    def until(self, condition, what):
        end = time.monotonic() + DEADLINE_S
        while not (result := condition()) and self.server.poll() is None:
            self.assertLess(time.monotonic(), end, f"waited for {what}")
            time.sleep(0.01)  # between two looks
        self.assertTrue(result, f"the server ended before {what}")

    def configure(self, **settings):
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        # A hook whose every call fails: the thread that makes them logs that.
        lines += ["[[webhooks]]", 'url = "http://127.0.0.1:1/"', 'events = ["join"]', "retries = 0"]
        with open(f"{self.directory}/ringcast.toml", "w", encoding="utf-8") as file:
            file.write("\n".join(lines))

    def start(self, output, *flags):
        server = subprocess.Popen(
            [RINGCAST, "--config", f"{self.directory}/ringcast.toml", "--listen", f"unix:{self.socket}", "--reactors", "2",
             "--drain-delay", "0s", *flags],
            stdout=output, stderr=output, env={name: value for name, value in os.environ.items() if not name.startswith("RINGCAST_")})
        self.addCleanup(lambda: server.poll() is None and server.kill())
        self.server = server
        return server

    def status(self, path="/health", method="GET", body=None):
        connection = UnixConnection(self.socket)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            return connection.getresponse().status
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        finally:
            connection.close()

    def full_pipe(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        for size in (4096, 1):
            try:
                while os.write(writer, b"." * size):
                    pass
            except BlockingIOError:
                pass
        os.set_blocking(writer, True)
        return reader, writer

    def read_until(self, reader, wanted):
        text = b""
        end = time.monotonic() + DEADLINE_S
        while wanted not in text and time.monotonic() < end:
            if select.select([reader], [], [], 1)[0]:
                text += os.read(reader, 65536)
        self.assertIn(wanted, text)
        return text

    def test_nobody_reads(self):
        reader, writer = self.full_pipe()
        self.configure(log_level="debug")
        server = self.start(writer)
        os.close(writer)
        self.until(lambda: self.status() == 200, "an answer")
        # More lines than are kept while there is no room.
        for _ in range(100):
            self.assertEqual(self.status("/events?rooms=r"), 200)
        self.configure(log_level="debug", hosts=["other.example"])
        server.send_signal(signal.SIGHUP)
        self.until(lambda: self.status("/stats") not in (200, None), "the reload")
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(DEADLINE_S), 0)

    def test_somebody_reads_late(self):
        reader, writer = self.full_pipe()
        self.configure()
        server = self.start(writer)
        self.until(lambda: self.status() == 200, "an answer")
        text = self.read_until(reader, b" started ")
        # What else writes to the pipe has an ordinary one.
        self.assertTrue(os.get_blocking(writer))
        os.close(writer)
        server.send_signal(signal.SIGTERM)
        text += self.read_until(reader, b" stopped")
        self.assertEqual(server.wait(DEADLINE_S), 0)

    def test_log_file_is_opened_anew_on_sighup(self):
        log = pathlib.Path(self.directory, "ringcast.log")
        old = log.with_suffix(".1")
        self.configure(log_file=str(log))
        server = self.start(subprocess.DEVNULL)
        self.until(lambda: self.status() == 200, "an answer")
        log.rename(old)
        server.send_signal(signal.SIGHUP)
        self.until(lambda: log.exists() and "reloaded" in log.read_text(), "the new file")
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(DEADLINE_S), 0)
        self.assertIn(" started ", old.read_text())
        self.assertIn(" stopped", log.read_text())

    def test_a_log_file_that_cannot_be_opened_is_named(self):
        self.configure(log_file=f"{self.directory}/missing/ringcast.log")
        reader, writer = os.pipe()
        server = self.start(writer)
        os.close(writer)
        with open(reader, encoding="utf-8") as output:
            self.assertEqual(output.read(), f"ringcast: log_file {self.directory}/missing/ringcast.log: No such file or directory\n")
        self.assertEqual(server.wait(DEADLINE_S), 1)


if __name__ == "__main__":
    unittest.main()
