# SPDX-License-Identifier: Apache-2.0
"""tools/scale: very many connections to one server on this machine, idle and broadcast to; and where that ends."""
import argparse
import re
import sys

from . import arguments as command_line
from . import machine, output
from .generator import run_ringload
from .programs import ProgramError
from .rounds import say
from .servers import Ringcast
from .tables import Table, bytes_text, number
from .works import NO_PRESENCE

CONNECTIONS = 120_000
MEMBERS_PER_ROOM = 100
IDLE_SECONDS = 60  # more than two heartbeats
BROADCAST_SECONDS = 20
DELIVERIES_PER_S = 60_000  # what two cores carry with both ends and room to spare
SETTLE_SECONDS = 3
MAXIMUM_STEP = 200_000
MAXIMUM_RATE = 8000  # connects a second: the heartbeats of a million take most of a core already
MAXIMUM_HOLD_SECONDS = 5
MEMORY_USED = 0.9  # of what is available: the machine is not driven into its out-of-memory killer
BROADCAST = '{"action":"message","room":"*","content":"{payload}"}'


class KernelWatch:
    """The kernel's memory when ringload says that it holds its connections."""

    def __init__(self):
        self.before = machine.kernel_bytes()
        self.held = None

    def on_line(self, line):
        if self.held is None and re.search(r" s hold ", line):
            self.held = machine.kernel_bytes()


def rooms_for(connections):
    return max(1, connections // MEMBERS_PER_ROOM)


def ramp(rate):
    return ["--connect-rate", f"{rate:g}", "--connect-timeout", "60s"]


def hold(setting, engine, connections, seconds, connect_rate):
    """Idle connections, and what they cost. (figures, Outcome)."""
    with Ringcast(engine).start(setting, connections, NO_PRESENCE) as process:
        watch = KernelWatch()
        outcome = run_ringload(setting, process, connections, [
            "connect", "--connections", str(connections), "--rooms", str(rooms_for(connections)), *ramp(connect_rate),
            "--warmup", "0s", "--duration", f"{seconds:g}s"], watch.on_line)
        last_words = process.output().strip().splitlines()[-3:]
    data = outcome.data
    connected = data.get("connections", 0)
    load, cores = outcome.figure(("server", "load")), outcome.figure(("server", "cores"))
    kernel = (watch.held - watch.before) / connected / 2 if watch.held is not None and connected else None
    return {"engine": engine, "wanted": connections, "connections": connected,
            "reactors": max(len(setting.server_cpus), machine.tables_for(connections)),
            "connects_per_s": data.get("connects_per_s"), "connect_cpu_us": data.get("connect_cpu_us"),
            "memory_per_connection": outcome.figure(("server", "memory_per_connection")),
            "kernel_per_socket": kernel, "idle_cores": None if load is None else load * cores,
            "ended": data.get("ended_connections", 0), "idle_valid": outcome.valid, "idle_reasons": outcome.reasons,
            "server_said": last_words}, outcome


def broadcast(setting, engine, connections, seconds, deliveries_per_s, connect_rate):
    rate = deliveries_per_s / connections
    with Ringcast(engine).start(setting, connections + 1, NO_PRESENCE) as process:
        outcome = run_ringload(setting, process, connections + 1, [
            "fanout", "--members", str(connections), "--spread", str(rooms_for(connections)), "--rate", f"{rate:g}",
            "--publish", BROADCAST, *ramp(connect_rate), "--duration", f"{seconds:g}s"])
    data = outcome.data
    return {"published": data.get("published"), "deliveries_per_s": data.get("deliveries_per_s"),
            "received": data.get("received"), "lost": data.get("lost"), "duplicates": data.get("duplicates"),
            "reordered": data.get("reordered"), "errors": sum(data.get("errors", {}).values()),
            "p50_ms": outcome.figure(("latency_ms", "corrected", "p50")),
            "p99_ms": outcome.figure(("latency_ms", "corrected", "p99")),
            "cpu_us": outcome.figure(("server", "cpu_us_per_delivery")),
            "broadcast_valid": outcome.valid, "broadcast_reasons": outcome.reasons}


def optional(value, text):
    return "–" if value is None else text(value)


def engine_table(engines):
    lines = [
        ("connections held", lambda one: f"{one['connections']:,} of {one['wanted']:,}"),
        ("reactors", lambda one: str(one["reactors"])),
        ("connects per second", lambda one: number(one["connects_per_s"])),
        ("server CPU per connect and join", lambda one: optional(one["connect_cpu_us"], lambda us: f"{number(us)} µs")),
        ("user memory per connection (PSS)",
         lambda one: optional(one["memory_per_connection"], lambda size: f"{size:,.0f} B")),
        ("kernel memory per socket", lambda one: optional(one["kernel_per_socket"], lambda size: f"{size:,.0f} B")),
        ("server CPU while idle, of a core", lambda one: optional(one["idle_cores"], lambda cores: f"{cores * 100:.2f} %")),
        ("ended while idle", lambda one: f"{one['ended']:,}"),
        ("broadcasts", lambda one: number(one["published"])),
        ("received", lambda one: optional(one["received"], lambda count: f"{count:,}")),
        ("lost / doubled / out of order / errors",
         lambda one: " / ".join(optional(one[name], str) for name in ("lost", "duplicates", "reordered", "errors"))),
        ("latency p50 / p99", lambda one: f"{number(one['p50_ms'])} / {number(one['p99_ms'])} ms"),
        ("server CPU per delivery", lambda one: optional(one["cpu_us"], lambda us: f"{number(us)} µs")),
        ("counts", lambda one: "yes" if one["idle_valid"] and one["broadcast_valid"]
         else "INVALID: " + "; ".join(one["idle_reasons"] + one["broadcast_reasons"]))]
    rows = [[title, *(value(one) for one in engines)] for title, value in lines]
    return Table("Scale", ["", *(Ringcast(one["engine"]).name for one in engines)], rows,
                 f"Both ends on this machine, distinct users, {MEMBERS_PER_ROOM} to a room without presence "
                 f"events, heartbeats on; then every message to all of them. {machine.description_text()}.")


def what_gave_way(outcome):
    """Nothing when all connections were held."""
    data = outcome.data
    errors = ", ".join(f"{count} {kind}" for kind, count in data.get("errors", {}).items())
    if data and data["connections"] == data["wanted_connections"] and not errors and outcome.valid:
        return ""
    return "; ".join(filter(None, [*outcome.reasons, errors])) or "connections ended"


def raise_until_it_ends(setting, engine, first, step, per_connection):
    """(rows, what gave way). `per_connection`: bytes of everything that one takes on this machine, both ends."""
    rows, connections = [], first
    while True:
        need, there = connections * per_connection, machine.meminfo()["MemAvailable"]
        if need > there * MEMORY_USED:
            return rows, f"memory: {connections:,} would take {bytes_text(need)} of {bytes_text(there)}"
        if machine.tables_for(connections) > 256:
            return rows, f"descriptors: {connections:,} would take more than 256 reactors"
        figures, outcome = hold(setting, engine, connections, MAXIMUM_HOLD_SECONDS, MAXIMUM_RATE)
        rows.append(figures)
        gave_way = what_gave_way(outcome)
        say(f"{engine} {connections:,}: {gave_way or 'held'}")
        if gave_way:
            return rows, f"at {connections:,}: {gave_way}"
        connections += step


def maximum(setting, engines, measured, first, step):
    rows, document = [], []
    for engine, known in zip(engines, measured):
        per_connection = 2 * (known["kernel_per_socket"] or 6000) + (known["memory_per_connection"] or 600) + 200
        runs, why = raise_until_it_ends(setting, engine, first, step, per_connection)
        most = max((run["connections"] for run in runs if run["connections"] == run["wanted"]), default=0)
        rows.append([Ringcast(engine).name, f"{max(most, known['connections']):,}", why])
        document.append({"engine": engine, "held": most, "gave_way": why, "runs": runs})
    return Table("The most that this machine held", ["server", "connections", "what gave way"], rows), document


def parser_of_scale():
    parser = argparse.ArgumentParser(
        prog="tools/scale", description="Holds very many WebSocket connections on this machine, both ends, for each "
        "engine: their memory, the CPU that they take while idle, and a broadcast to all of them.")
    command_line.common(parser, "build/scale")
    parser.add_argument("--connections", type=command_line.positive, help=f"[{CONNECTIONS}; with --quick 200]")
    parser.add_argument("--idle", type=float, metavar="SECONDS", help=f"[{IDLE_SECONDS}; with --quick 1]")
    parser.add_argument("--connect-rate", type=float, default=20_000, help="per second [%(default)s]")
    parser.add_argument("--quick", action="store_true", help="few connections, short: shows that it works, measures nothing")
    parser.add_argument("--maximum", action="store_true", help="then raises the connections until something gives way")
    parser.add_argument("--step", type=command_line.positive, default=MAXIMUM_STEP, help="with --maximum [%(default)s]")
    return parser


def run(parser, given):
    engines = command_line.engines_of(parser, given)
    connections = given.connections or (200 if given.quick else CONNECTIONS)
    idle_seconds = given.idle or (1 if given.quick else IDLE_SECONDS)
    seconds, deliveries_per_s = (1, connections * 5) if given.quick else (BROADCAST_SECONDS, DELIVERIES_PER_S)
    setting = command_line.setting_of(given, seconds, 0)
    if not given.quick:
        setting.settle = SETTLE_SECONDS
    measured = []
    for engine in engines:
        figures, _ = hold(setting, engine, connections, idle_seconds, given.connect_rate)
        say(f"{engine}: {figures['connections']:,} connections, "
            f"{number(figures['memory_per_connection'])} bytes each")
        figures |= broadcast(setting, engine, connections, seconds, deliveries_per_s, given.connect_rate)
        say(f"{engine}: {figures['received']} received, {figures['lost']} lost")
        measured.append(figures)
    tables = [engine_table(measured)]
    found = {"kind": "scale", "title": f"{connections:,} connections", "machine": machine.describe(),
             "connections": connections, "engines": measured}
    if given.maximum:
        table, found["maximum"] = maximum(setting, engines, measured, connections + given.step, given.step)
        tables.append(table)
    found["tables"] = [table.as_document() for table in tables]
    return output.write(found, tables, setting.programs, given.out, "scale", given.markdown)


def main(words=None):
    parser = parser_of_scale()
    given = parser.parse_args(words)
    try:
        return run(parser, given)
    except ProgramError as error:
        print(f"tools/scale: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
