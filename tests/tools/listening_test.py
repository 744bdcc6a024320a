#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where a server listens when addresses are taken or missing, right after kill -9, and on unix sockets.

    listening_test.py RINGCAST [unittest arguments]
"""
import os
import pathlib
import select
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import unittest

RINGCAST = sys.argv.pop(1)
DEADLINE_S = 60


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


class Listening(unittest.TestCase):
    def start(self, *flags):
        server = subprocess.Popen(
            [RINGCAST, "--reactors", "2", "--drain-delay", "0s", "--drain-period", "0s", *flags], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("RINGCAST_")})

        def clean():
            server.kill()
            server.wait()
            server.stdout.close()
            server.stderr.close()
        self.addCleanup(clean)
        return server

    def line(self, server):
        """The first line on standard output: '' when it ended without one."""
        self.assertTrue(select.select([server.stdout], [], [], DEADLINE_S)[0])
        return server.stdout.readline()

    def port_of(self, server):
        line = self.line(server)
        self.assertTrue(line.startswith("listening on "), line + (server.stderr.read() if server.poll() is not None else ""))
        return int(line.rsplit(":", 1)[1])

    def end(self, server):
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(DEADLINE_S), 0)

    def test_all_default_addresses_or_none(self):
        if not has_ipv6():
            self.skipTest("no IPv6 here")
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with self.subTest(address), socket.socket(family) as taken:
                taken.bind((address, 0))
                taken.listen()
                server = self.start("--port", str(taken.getsockname()[1]))
                _, said = server.communicate(timeout=DEADLINE_S)
                self.assertEqual(server.returncode, 1, said)
                self.assertRegex(said, f"listening on .*{address}.*: Address already in use")
                self.assertIn("ss -ltnp", said)

    def test_again_right_after_kill(self):
        server = self.start("--port", "0", "--listen", "127.0.0.1")
        port = self.port_of(server)
        for _ in range(8):
            # A client under way keeps requests in the ring, and the kernel longer at taking it apart.
            with socket.create_connection(("127.0.0.1", port)):
                server.kill()
                server.wait()
                server = self.start("--port", str(port), "--listen", "127.0.0.1")
                self.assertEqual(self.port_of(server), port)
        self.end(server)

    def test_unix_sockets(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "ringcast.sock")
            for mode, flags in ((0o666, []), (0o660, ["--unix-socket-mode", "0660"]), (0o600, ["--unix-socket-mode=0600"])):
                server = self.start("--listen", f"unix:{path}", *flags)
                self.assertEqual(self.line(server), f"listening on unix:{path}\n")
                self.assertEqual(stat.S_IMODE(path.stat().st_mode), mode)
                self.end(server)
                self.assertFalse(path.exists())
            # One that has taken the path over meanwhile keeps its file.
            server = self.start("--listen", f"unix:{path}")
            self.line(server)
            path.unlink()
            with socket.socket(socket.AF_UNIX) as other:
                other.bind(str(path))
                self.end(server)
                self.assertTrue(path.exists())
            path.unlink()
            # Nor does a start that fails leave one.
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                taken.listen()
                server = self.start("--listen", f"unix:{path},127.0.0.1:{taken.getsockname()[1]}")
                server.communicate(timeout=DEADLINE_S)
                self.assertEqual(server.returncode, 1)
                self.assertFalse(path.exists())


if __name__ == "__main__":
    unittest.main()
