#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/compare --quick with the programs of a build directory: it runs, and what it writes has its shape. No figure
is asserted: a quick run measures nothing.

    compare_smoke_test.py SOURCE_ROOT BUILD_ROOT [unittest arguments]
"""
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()


class Smoke(unittest.TestCase):
    def run_tool(self, tool, *words):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        ran = subprocess.run([str(SOURCE / "tools" / tool), "--build", str(BUILD), "--out", folder.name, *words],
                             capture_output=True, text=True, check=False)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        return pathlib.Path(folder.name), ran.stdout

    def check_files(self, folder, name, printed):
        document = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        self.assertEqual(document["kind"], {"compare": "comparison", "socketio": "comparison", "http2": "comparison"}.get(name, name))
        page = (folder / f"{name}.html").read_text(encoding="utf-8")
        markdown = (folder / f"{name}.md").read_text(encoding="utf-8")
        for table in document["tables"]:
            self.assertTrue(table["rows"])
            for row in table["rows"]:
                self.assertEqual(len(row), len(table["columns"]))
            self.assertIn(table["title"], page)
            self.assertIn(f"### {table['title']}", markdown)
            self.assertIn(table["title"], printed)
        return document

    def test_the_comparison(self):
        again = f"again={BUILD}/src/app/ringcast --port {{port}} --io epoll --echo"
        folder, printed = self.run_tool(
            "compare", "--quick", "--rounds", "2", "--only", "echo,fanout-20,sse-20,connect,memory-50", "--with", again, "--with-preset", "ringcast", "--with-echo", "/echo")
        document = self.check_files(folder, "compare", printed)
        self.assertEqual([server["name"] for server in document["servers"]], ["io_uring", "epoll", "send()", "again"])
        works = {row["workload"].split("-")[0] for row in document["rows"]}
        self.assertEqual(works, {"echo", "fanout", "sse", "connect", "memory"})
        for row in document["rows"]:
            sides = set(row["values"])
            self.assertLessEqual({"io_uring", "epoll"}, sides)
            self.assertEqual("again" in sides, not row["workload"].startswith("sse"), row["workload"])
            self.assertEqual("send()" in sides, row["workload"].split("-")[0] in ("echo", "fanout", "sse"))
            for value in row["values"].values():
                self.assertEqual(len(value["runs"]), 2)
                self.assertEqual(value["valid"], sum(run["valid"] for run in value["runs"]))
                for run in value["runs"]:
                    self.assertEqual(run["valid"], not run["reasons"])
            for ratio in row["ratios"]:
                self.assertEqual(ratio["of"], "io_uring")
                self.assertIn(ratio["verdict"], ("noise", "better", "worse", "once"))
        # Something counted at all: these works have no generator that could be late.
        for row in document["rows"]:
            if row["workload"].startswith("memory"):
                self.assertGreater(row["values"]["io_uring"]["median"], 0)

    def test_over_tls(self):
        nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
        folder, printed = self.run_tool("compare", "--quick", "--tls", "--rounds", "1", "--engines", "epoll", "--only", "fanout-20,sse-20,connect,resume,memory-50",
                                        *(("--with", "nginx-tls") if nginx else ()))
        document = self.check_files(folder, "compare", printed)
        sides = ["epoll TLS", "SSL_write()", *(["nginx-tls"] if nginx else []), "epoll", "send()"]
        self.assertEqual([server["name"] for server in document["servers"]], sides)
        for row in document["rows"]:
            kind = row["workload"].split("-")[0]
            without = {"resume": {"epoll", "send()"}, "connect": {"send()"}, "memory": {"send()"}}.get(kind, set())
            self.assertEqual(set(row["values"]), set(sides) - without, row["workload"])
            self.assertTrue(row["values"]["SSL_write()"]["valid"], row)
        faults = next(table for table in document["tables"] if table["title"] == "Exactness")
        for row in faults["rows"]:
            lost_doubled_reordered, errors = row[2:5], row[5]
            self.assertEqual(lost_doubled_reordered, ["0", "0", "0"], row)
            if row[0] != "nginx-tls":  # on a busy machine its connections may take longer than they should
                self.assertEqual(errors, "0", row)

    def test_by_transport(self):
        folder, printed = self.run_tool("compare", "--quick", "--transports", "--engines", "uring", "--rate", "5")
        self.check_files(folder, "transports", printed)

    def test_socket_io(self):
        script = pathlib.Path(__file__).resolve().parents[2] / "tools/comparison/others/socketio"
        if subprocess.run([script, "--version"], capture_output=True, check=False).returncode != 0:
            self.skipTest("Socket.IO for Node is not installed")
        folder, printed = self.run_tool("compare", "--quick", "--socketio", "--rounds", "1", "--engines", "epoll")
        self.check_files(folder, "socketio", printed)

    def test_http2(self):
        folder, printed = self.run_tool("compare", "--quick", "--http2", "--rounds", "1", "--engines", "uring")
        document = self.check_files(folder, "http2", printed)
        for row in document["rows"]:
            for side, value in row["values"].items():
                self.assertEqual(value["valid"] + sum(not run["valid"] for run in value["runs"]), 1, (row["title"], side))

    def test_the_scale_run(self):
        folder, printed = self.run_tool("scale", "--quick")
        document = self.check_files(folder, "scale", printed)
        for engine in document["engines"]:
            self.assertEqual(engine["connections"], engine["wanted"], engine)
            self.assertGreaterEqual(engine["received"], engine["connections"])
            self.assertGreater(engine["memory_per_connection"], 0)

    def test_the_rates_of_inlets(self):
        types = {"redis_pubsub": "redis-server", "redis_stream": "redis-server", "jetstream": "/usr/sbin/nats-server", "kafka": str(BUILD / "tests/kafka/mock_kafka")}
        there = [name for name, program in types.items() if shutil.which(program)]
        if not there:
            self.skipTest("no Redis, NATS or Kafka is installed")
        ran = subprocess.run([str(SOURCE / "tools/rates"), "--build", str(BUILD), "--messages", "500", "--runs", "1", "--types", *there],
                             capture_output=True, text=True, check=False)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        rows = [line.split(" | ") for line in ran.stdout.splitlines() if " | 500 | " in line]
        self.assertEqual(len(rows), len(there), ran.stdout)
        for row in rows:
            self.assertEqual(row[-1], "0 |", ran.stdout)

    def assert_ended(self, folder):
        pids = (pathlib.Path(folder) / "pids").read_text(encoding="ascii").split()
        self.assertTrue(pids)
        for pid in pids:
            deadline = time.monotonic() + 20
            while (state := self.state_of(pid)) not in ("", "Z"):
                self.assertLess(time.monotonic(), deadline, f"{pid} is in state {state}")
                time.sleep(0.01)

    @staticmethod
    def state_of(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return ""

    def test_the_processes_of_a_server_count_and_end_with_it(self):
        with tempfile.TemporaryDirectory() as pids:
            # The work is done by a process that the measured one starts and reports nothing.
            start = f"{BUILD}/src/app/ringcast --port $PORT --log-level warning & echo $! >>{pids}/pids; wait"
            folder, printed = self.run_tool("compare", "--quick", "--rounds", "1", "--only", "memory-50", "--engines", "epoll",
                                            "--with", f"forking=sh -c {shlex.quote(start)}", "--with-preset", "ringcast")
            document = self.check_files(folder, "compare", printed)
            self.assertGreater(document["rows"][0]["values"]["forking"]["median"], 0)
            self.assert_ended(pids)

    def test_sigterm_ends_the_servers_and_writes_what_there_is(self):
        with tempfile.TemporaryDirectory() as folder:
            # Its own shell says who it is; a hundred rounds are more than anybody waits for.
            start = f"echo $$ >>{folder}/pids; exec {BUILD}/src/app/ringcast --port $PORT --log-level warning"
            running = subprocess.Popen([str(SOURCE / "tools/compare"), "--build", str(BUILD), "--out", folder, "--quick", "--rounds",
                                        "100", "--only", "connect", "--engines", "epoll", "--with",
                                        f"other=sh -c {shlex.quote(start)}", "--with-preset", "ringcast"],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for line in running.stderr:
                if line.startswith("round 2/"):
                    break
            running.terminate()
            printed, said = running.communicate(timeout=60)
            self.assertEqual(running.returncode, 130, said)
            self.assertIn("interrupted", said)
            self.check_files(pathlib.Path(folder), "compare", printed)
            self.assert_ended(folder)

    def test_a_server_that_does_not_start_is_named(self):
        ran = subprocess.run([str(SOURCE / "tools/compare"), "--build", str(BUILD), "--quick", "--only", "connect",
                              "--rounds", "1", "--with", "gone=/bin/false {port}"], capture_output=True, text=True, check=False)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("tools/compare: gone ended with 1", ran.stderr)


if __name__ == "__main__":
    unittest.main()
