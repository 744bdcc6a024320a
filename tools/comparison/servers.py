# SPDX-License-Identifier: Apache-2.0
"""The sides of a comparison: ringcast on each engine, other servers, and the bare send() loop."""
import dataclasses
import json
import pathlib
import shlex
import subprocess

from . import machine, programs
from .generator import Outcome, run_ringload


@dataclasses.dataclass
class Setting:
    """What all measurements of a comparison share."""
    programs: programs.Programs
    server_cpus: list
    generator_cpus: list
    seconds: float
    warmup: float
    settle: float


@dataclasses.dataclass
class Ringcast:
    """A new process for each measurement: what one leaves behind in memory is not the next one's."""
    engine: str
    name: str = ""

    def __post_init__(self):
        self.name = self.name or {"uring": "io_uring"}.get(self.engine, self.engine)

    def does(self, work):
        return True

    def start(self, setting, connections, flags=()):
        reactors = max(len(setting.server_cpus), machine.tables_for(connections))
        # A table that RLIMIT_NOFILE lets grow further takes more; the reactors of one CPU then share it.
        command = [setting.programs.ringcast, "--port", "0", "--io", self.engine, "--reactors", str(reactors), "--echo",
                   "--drain-delay", "0s", "--drain-period", "0s", "--log-level", "warning", *flags]
        process = programs.Process(f"ringcast ({self.name})", command, setting.server_cpus)
        process.wait_for_port_said()
        return process

    def measure(self, setting, work):
        with self.start(setting, work.connections, work.ringcast_flags) as process:
            return run_ringload(setting, process, work.connections, work.arguments)


@dataclasses.dataclass
class Other:
    """A server that a command starts; tools/compare --help has the contract."""
    name: str
    command: str
    preset: str = "raw"
    arguments: tuple = ()
    echo: tuple = ()  # ringload's arguments for an echo, when it has one
    sse: bool = False
    one_process: bool = False  # has one descriptor table, however many connections come
    version: str = ""

    def does(self, work):
        if self.one_process and machine.tables_for(work.connections) > 1:
            return False
        if work.kind == "echo":
            return bool(self.echo)
        return self.sse if work.kind == "sse" else True

    def measure(self, setting, work):
        port = programs.free_port()
        environment = {"PORT": str(port), "CONNECTIONS": str(work.connections)}
        with programs.Process(self.name, programs.split_command(self.command, port), setting.server_cpus, port,
                              environment) as process:
            process.wait_for_port_open()
            dialect = self.echo if work.kind == "echo" else ("--preset", self.preset, *self.arguments)
            return run_ringload(setting, process, work.connections, [*work.arguments, *dialect])


# What stands in others/: each is a script that becomes the server, and what ringload says to it.
KNOWN = {
    "nchan": {"preset": "nchan", "sse": True},
    # A join is acknowledged, so that a member is ready when it is in its room.
    "socketio": {"preset": "socketio", "arguments": ("--join", '420["join","{room}"]', "--joined", "430["),
                 "echo": ("--preset", "socketio"), "one_process": True},
    "ws": {"arguments": ("--path", "/room/{room}", "--publisher-path", "/publish/{room}"),
           "echo": ("--preset", "raw", "--path", "/echo"), "one_process": True},
}


def known_script(name):
    return pathlib.Path(__file__).resolve().parent / "others" / name


def known(name):
    return Other(name, shlex.quote(str(known_script(name))), **KNOWN[name])


def ask_versions(others):
    """Of those from others/, before anything is measured: one of which something is missing is no surprise later."""
    for other in others:
        if other.name in KNOWN and other.command == known(other.name).command:
            other.version = programs.output_of(other.name, [str(known_script(other.name)), "--version"])


class Floor:
    """A bare loop of send(), of the same size and pace."""
    name = "send()"

    def does(self, work):
        return work.floor is not None

    def measure(self, setting, work):
        cpus = [",".join(map(str, cpus)) for cpus in (setting.server_cpus, setting.generator_cpus)]
        command = [setting.programs.send_floor, *work.floor, "--duration", str(setting.seconds),
                   "--sender-cpus", cpus[0], "--reader-cpus", cpus[1]]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            return Outcome.failed(ran.stderr.strip().splitlines()[-1] if ran.stderr.strip() else "send_floor failed")
        found = json.loads(ran.stdout)
        return Outcome(valid=True, reasons=[], data={
            "server": {"cpu_us_per_delivery": found["cpu_us_per_send"], "load": found["load"]},
            "deliveries_per_s": found["sends_per_s"]})
