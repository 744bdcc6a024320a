#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/comparison on made-up figures, and the scripts of its other servers as far as they need nothing installed.

    comparison_test.py SOURCE_ROOT [unittest arguments]
"""
import contextlib
import dataclasses
import io
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import types
import unittest

SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "tools"))

from comparison import arguments, generator, machine, programs, rounds, scale, servers, spread, tables, transports, works  # noqa: E402
from comparison.generator import Outcome  # noqa: E402


class Spread(unittest.TestCase):
    def test_median(self):
        self.assertEqual(spread.median([3]), 3)
        self.assertEqual(spread.median([9, 1, 5]), 5)
        self.assertEqual(spread.median([4, 1, 3, 2]), 2.5)
        with self.assertRaises(ValueError):
            spread.median([])

    def test_mad_is_not_moved_by_one_bad_round(self):
        self.assertEqual(spread.mad([7]), 0)
        self.assertEqual(spread.mad([1, 1, 2, 2, 4, 6, 9]), 1)
        self.assertEqual(spread.mad([10, 11, 12, 13, 1_000_000]), 1)

    def test_noise_at_the_edge_of_five_per_cent(self):
        self.assertTrue(spread.is_noise(1.049, 0))
        self.assertTrue(spread.is_noise(0.951, 0))
        self.assertFalse(spread.is_noise(1.0501, 0))
        self.assertFalse(spread.is_noise(0.9499, 0))

    def test_noise_at_the_edge_of_three_mads(self):
        self.assertTrue(spread.is_noise(1.29, 0.1))
        self.assertFalse(spread.is_noise(1.31, 0.1))
        self.assertTrue(spread.is_noise(1.04, 0.001))

    def test_rounds_are_compared_in_pairs(self):
        # The machine became twice as slow in the middle; each round has the same ratio.
        found = spread.compare([8, 8, 16, 16], [10, 10, 20, 20])
        self.assertEqual((found.ratio, found.mad, found.verdict, found.rounds), (0.8, 0, "better", 4))

    def test_what_is_better_depends_on_the_figure(self):
        self.assertEqual(spread.compare([8, 8], [10, 10], lower_is_better=True).verdict, "better")
        self.assertEqual(spread.compare([8, 8], [10, 10], lower_is_better=False).verdict, "worse")
        self.assertEqual(spread.compare([10, 10], [8, 8], lower_is_better=False).verdict, "better")
        self.assertEqual(spread.compare([10, 12, 9], [10, 9, 12]).verdict, "noise")

    def test_a_round_counts_when_both_sides_do(self):
        found = spread.compare([8, None, 80], [10, 1, None])
        self.assertEqual((found.ratio, found.rounds, found.verdict), (0.8, 1, "once"))
        self.assertIsNone(spread.compare([None, 3], [3, None]))
        self.assertIsNone(spread.compare([1], [0]))


class Server:
    def __init__(self, name):
        self.name = name

    def does(self, _):
        return True


def outcome(cpu, reasons=(), **more):
    return Outcome(valid=not reasons, reasons=list(reasons), data={"server": {"cpu_us_per_delivery": cpu}, **more})


class Rounds(unittest.TestCase):
    def rounds(self, firsts, seconds):
        found = rounds.Rounds([Server("a"), Server("b")], [works.echo(64)])
        found.outcomes = {("echo-64", "a"): dict(enumerate(firsts)), ("echo-64", "b"): dict(enumerate(seconds))}
        return found

    def test_an_invalid_run_is_shown_and_in_no_median(self):
        found = self.rounds([outcome(4), outcome(400, ["it lagged"]), outcome(5)], [outcome(4), outcome(4), outcome(5)])
        first_row = rounds.medians_table(found).rows[0]
        self.assertEqual(first_row[3], "4.50 ± 0.50 (1 of 3 INVALID)")
        self.assertEqual(first_row[2], "1.00 noise")
        self.assertEqual(rounds.invalid_table(found).rows, [["Echo, 64 connections", "a", "2", "it lagged",
                                                               "400 µs per echo, – per s"]])
        value = rounds.document(found, 3)["rows"][0]["values"]["a"]
        self.assertEqual((value["median"], value["valid"], value["runs"][1]["value"]), (4.5, 2, 400))

    def test_nothing_but_invalid_runs_have_no_figure(self):
        found = self.rounds([outcome(4, ["x"])], [outcome(4)])
        self.assertEqual(rounds.medians_table(found).rows[0][2:], ["–", "INVALID", "4.00 ± 0"])
        self.assertIsNone(rounds.document(found, 1)["rows"][0]["values"]["a"]["median"])

    def test_faults_of_invalid_runs_count(self):
        found = self.rounds([outcome(4, ["x"], scenario="echo", received=10, lost=3, errors={"refused": 2})], [])
        self.assertEqual(rounds.faults_table(found).rows, [["a", "10", "3", "0", "0", "2"]])

    def test_servers_take_turns(self):
        order = []

        class Noting(Server):
            def measure(self, _setting, work):
                order.append(self.name)
                return outcome(1)

        found = rounds.Rounds([Noting("a"), Noting("b"), Noting("c")], [works.echo(64)])
        with contextlib.redirect_stderr(io.StringIO()):
            found.run(None, 3)
        self.assertEqual("".join(order), "abcbcacab")


class Tables(unittest.TestCase):
    def test_numbers(self):
        for value, text in ((None, "–"), (0, "0"), (0.0312, "0.031"), (0.99, "0.99"), (4.126, "4.13"), (41.26, "41.3"),
                            (412.6, "413"), (4126.4, "4,126")):
            self.assertEqual(tables.number(value), text)
        for value, text in ((399.6, "400 B"), (12_345, "12.3 kB"), (2_500_000, "2.5 MB"), (3e9, "3.0 GB")):
            self.assertEqual(tables.bytes_text(value), text)

    def test_markdown_and_text(self):
        table = tables.Table("T", ["work", "a|b"], [["echo", "1"]], "note")
        self.assertEqual(tables.as_markdown(table), "### T\n\nnote\n\n| work | a\\|b |\n| --- | ---: |\n| echo | 1 |\n")
        self.assertEqual(tables.as_text(table), "T\nnote\nwork  a|b\n----  ---\necho    1\n")


class Works(unittest.TestCase):
    def test_names_are_distinct_and_chosen_by_their_parts(self):
        everything = works.all_works(works.Sizes())
        names = [work.name for work in everything]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual([work.name for work in works.chosen(everything, ["echo", "memory-100000"])],
                         ["echo-64", "echo-1000", "memory-100000"])
        with self.assertRaisesRegex(ValueError, "\"ehco\".*echo-64"):
            works.chosen(everything, ["ehco"])

    def test_saturated_works_of_several_depths(self):
        sizes = dataclasses.replace(works.Sizes(), members=(1000,), in_flight=(8, 32, 1024))
        found = [work for work in works.all_works(sizes) if work.depth and work.kind == "fanout"]
        self.assertEqual([work.name for work in found], [f"fanout-1000-saturated-{depth}" for depth in (8, 32, 1024)])
        self.assertEqual([work.arguments[work.arguments.index("--in-flight") + 1] for work in found], ["8", "32", "1024"])
        measured = rounds.Rounds([Server("a"), Server("b")], found)
        table = rounds.depths_table(measured)
        self.assertEqual([row[0] for row in table.rows], [work.title for work in found])
        self.assertIn("one depth says little", table.note)
        plain = [work for work in works.all_works(works.Sizes()) if work.depth]
        self.assertIsNone(rounds.depths_table(rounds.Rounds([], plain)))
        self.assertIn("fanout-1000-saturated", [work.name for work in plain])

    def test_the_floor_has_the_pace_of_the_work(self):
        work = works.fanout_paced(10_000, 40_000)
        self.assertEqual(work.arguments[work.arguments.index("--rate") + 1], "4")
        self.assertEqual(work.floor[work.floor.index("--rate") + 1], "4")


    def test_threads_for_the_cpus_and_the_descriptors(self):
        programs = types.SimpleNamespace(ringload="ringload")
        process = types.SimpleNamespace(port=1, pid=2)

        def threads(cpus, connections):
            setting = servers.Setting(programs, [0], list(range(cpus)), seconds=1, warmup=0, settle=0)
            command = generator.ringload_command(setting, process, connections, ["connect"], "x.json")
            return int(command[command.index("--threads") + 1]) if "--threads" in command else 0

        self.assertEqual(threads(1, 1000), 0)
        self.assertEqual(threads(3, 1000), 3)
        self.assertEqual(threads(3, 2), 2)
        self.assertEqual(threads(2, 5_000_000), machine.tables_for(5_000_000))


class Machine(unittest.TestCase):
    def test_descriptor_tables(self):
        self.assertEqual(machine.tables_for(10_000, 20_000), 1)
        self.assertEqual(machine.tables_for(120_000, 20_000), 8)
        self.assertEqual(machine.tables_for(1_000_000, 1 << 20), 2)

    def test_sources(self):
        self.assertEqual(machine.sources_for(12_000), "127.0.0.1")
        self.assertEqual(machine.sources_for(120_000), "127.0.0.1-127.0.0.10")
        self.assertEqual(machine.sources_for(12_000 * 300), "127.0.0.1-127.0.1.44")


class Arguments(unittest.TestCase):
    def refused(self, *words):
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as ended:
            arguments.compare_parser().parse_args(words)
        self.assertEqual(ended.exception.code, 2)
        return said.getvalue()

    def test_options_of_other_servers_belong_to_the_one_before(self):
        given = arguments.compare_parser().parse_args(
            ["--with", "a=./a {port}", "--with-preset", "nchan", "--with-sse", "--with", "b=./b", "--with-echo", "/echo",
             "--with-arguments", "--path /r/{room}"])
        first, second = given.others
        self.assertEqual((first.name, first.command, first.preset, first.sse, first.echo), ("a", "./a {port}", "nchan", True, ()))
        self.assertEqual((second.preset, second.sse, second.arguments), ("raw", False, ("--path", "/r/{room}")))
        self.assertEqual(second.echo, ("--preset", "raw", "--path", "/echo"))
        self.assertFalse(first.does(works.echo(64)))
        self.assertTrue(second.does(works.echo(64)))
        self.assertFalse(second.does(works.fanout_paced(10, 10, "sse")))

    def test_a_known_name_brings_its_command_and_options(self):
        nchan, socketio = arguments.compare_parser().parse_args(["--with", "nchan", "--with", "socketio"]).others
        self.assertEqual((nchan.name, nchan.preset, nchan.sse, nchan.echo), ("nchan", "nchan", True, ()))
        self.assertEqual(shlex.split(nchan.command), [str(SOURCE / "tools/comparison/others/nchan")])
        self.assertTrue(socketio.does(works.echo(64)))
        self.assertFalse(socketio.does(works.fanout_paced(10, 10, "sse")))

    def test_a_single_process_does_what_its_descriptors_allow(self):
        many = works.memory(10 * machine.descriptor_limit(), "0s")
        self.assertFalse(servers.known("ws").does(many))
        self.assertTrue(servers.known("ws").does(works.memory(100, "0s")))
        self.assertTrue(servers.known("nchan").does(many))

    def test_sessions_are_resumed_by_those_that_speak_tls(self):
        resumes = [work for work in works.tls_works(works.QUICK) if work.tls_arguments]
        self.assertEqual([work.name for work in resumes], ["resume-50"])
        for server, does in ((servers.Ringcast("uring"), False), (servers.RingcastTls("uring"), True), (servers.known("nchan"), False),
                             (servers.known("nginx-tls"), True), (servers.Floor(), False), (servers.FloorTls(), True)):
            self.assertEqual(server.does(resumes[0]), does, server.name)

    def test_the_floor_of_tls_has_one_descriptor_table(self):
        many = 10 * machine.descriptor_limit()
        small, large = [work for work in works.tls_works(dataclasses.replace(works.QUICK, connections=(50, many))) if work.kind == "memory"]
        self.assertTrue(servers.FloorTls().does(small))
        self.assertFalse(servers.FloorTls().does(large))
        self.assertTrue(servers.RingcastTls("epoll").does(large))

    def test_nonsense_is_refused_by_name(self):
        self.assertIn("one of nchan, nginx-tls, socketio, ws, or NAME=COMMAND", self.refused("--with", "./server"))
        self.assertIn("--with-preset belongs", self.refused("--with-preset", "raw"))
        self.assertIn("--rounds", self.refused("--rounds", "0"))


class OtherServers(unittest.TestCase):
    OTHERS = SOURCE / "tools/comparison/others"

    def test_each_known_name_is_a_script(self):
        for name in servers.KNOWN:
            self.assertTrue(os.access(self.OTHERS / name, os.X_OK), name)
            subprocess.run(["bash", "-n", str(self.OTHERS / name)], check=True)
        subprocess.run(["bash", "-n", str(self.OTHERS / "common.sh")], check=True)

    @unittest.skipUnless(shutil.which("node"), "there is no node")
    def test_the_servers_of_node_can_be_parsed(self):
        for path in self.OTHERS.glob("*.js"):
            subprocess.run(["node", "--check", str(path)], check=True)

    def test_what_is_missing_is_said_with_what_gets_it(self):
        with tempfile.TemporaryDirectory() as folder:
            tools = pathlib.Path(folder) / "tools"
            shutil.copytree(self.OTHERS, tools / "comparison/others", ignore=shutil.ignore_patterns("node_modules"))
            shutil.copy(SOURCE / "tools/common.sh", tools)
            for name in ("socketio", "ws"):
                with self.assertRaisesRegex(programs.ProgramError, f"{name}: .* is missing; .*/{name} --install"):
                    programs.output_of(name, [str(tools / "comparison/others" / name), "--version"])

    def test_versions_are_with_the_table(self):
        first, second = Server("a"), Server("b")
        second.version = "b 1.2 on c 3"
        found = rounds.Rounds([first, second], [works.echo(64)])
        self.assertTrue(rounds.medians_table(found).note.endswith(". b 1.2 on c 3."))
        self.assertEqual(rounds.document(found, 0)["versions"], ["b 1.2 on c 3"])


class Searches(unittest.TestCase):
    def test_the_most_clients_that_hold(self):
        for limit in (10_000, 9_999, 4_000, 777):
            held, found = transports.most_that_hold(
                lambda clients: Outcome(valid=clients <= limit, reasons=[], data={}), 10_000)
            self.assertLessEqual(held, limit)
            self.assertGreater(held * transports.CLOSE_ENOUGH * 1.01, limit)
            self.assertTrue(found.valid)

    def test_none_holds(self):
        held, found = transports.most_that_hold(lambda _: Outcome(valid=False, reasons=["x"], data={}), 1000)
        self.assertEqual((held, found.reasons), (0, ["x"]))

    def test_a_loss_does_not_hold(self):
        held, _ = transports.most_that_hold(lambda clients: outcome(1, lost=1 if clients > 500 else 0), 1000)
        self.assertLessEqual(held, 500)

    def test_what_gave_way_is_named(self):
        short = Outcome(valid=False, reasons=["5 of 9 connections were ready"],
                        data={"connections": 5, "wanted_connections": 9, "errors": {"no_socket": 4}})
        self.assertIn("4 no_socket", scale.what_gave_way(short))
        self.assertEqual(scale.what_gave_way(Outcome(valid=True, reasons=[], data={"connections": 9, "wanted_connections": 9, "errors": {}})), "")


if __name__ == "__main__":
    unittest.main()
