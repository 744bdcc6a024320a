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
    certificate: tuple = ()  # its file and that of its key, where a server speaks TLS


@dataclasses.dataclass
class Ringcast:
    """A new process for each measurement: what one leaves behind in memory is not the next one's."""
    engine: str
    name: str = ""

    def __post_init__(self):
        self.name = self.name or {"uring": "io_uring"}.get(self.engine, self.engine)

    def does(self, work):
        return not work.tls_arguments

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
class RingcastTls(Ringcast):
    """The same, spoken to over TLS."""

    def __post_init__(self):
        super().__post_init__()
        self.name += " TLS"

    def does(self, work):
        return True

    def start(self, setting, connections, flags=()):
        certificate, key = setting.certificate
        process = super().start(setting, connections, ("--tls-listen", "127.0.0.1:0", "--tls-certificate", certificate,
                                                       "--tls-key", key, *flags))
        process.wait_for_port_said("https")
        return process

    def measure(self, setting, work):
        with self.start(setting, work.connections, work.ringcast_flags) as process:
            return run_ringload(setting, process, work.connections, [*work.arguments, *SPEAK_TLS, *work.tls_arguments])


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
    tls: bool = False  # takes nothing else; a ringcast behind it gets what ringcast's other sides get
    version: str = ""

    def does(self, work):
        if work.tls_arguments and not self.tls:
            return False
        if self.one_process and machine.tables_for(work.connections) > 1:
            return False
        if work.kind == "echo":
            return bool(self.echo)
        return self.sse if work.kind == "sse" else True

    def measure(self, setting, work):
        port = programs.free_port()
        environment = {"PORT": str(port), "CONNECTIONS": str(work.connections)}
        if self.tls:
            reactors = max(len(setting.server_cpus), machine.tables_for(work.connections))
            environment |= {"TLS_CERTIFICATE": setting.certificate[0], "TLS_KEY": setting.certificate[1],
                            "BEHIND": setting.programs.ringcast,
                            "BEHIND_FLAGS": shlex.join(["--reactors", str(reactors), *work.ringcast_flags])}
        with programs.Process(self.name, programs.split_command(self.command, port), setting.server_cpus, port,
                              environment) as process:
            process.wait_for_port_open()
            dialect = self.echo if work.kind == "echo" else ("--preset", self.preset, *self.arguments)
            if self.tls:
                dialect += (*SPEAK_TLS, *work.tls_arguments)
            return run_ringload(setting, process, work.connections, [*work.arguments, *dialect])


# Of ringload; that the certificate is its own server's is no question here.
SPEAK_TLS = ("--tls", "--tls-insecure")


# What stands in others/: each is a script that becomes the server, and what ringload says to it.
KNOWN = {
    "nchan": {"preset": "nchan", "sse": True},
    "nginx-tls": {"preset": "ringcast", "sse": True, "tls": True},
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


def version_of(name):
    return programs.output_of(name, [str(known_script(name)), "--version"])


def ask_versions(others):
    """Of those from others/, before anything is measured: one of which something is missing is no surprise later."""
    for other in others:
        if other.name in KNOWN and other.command == known(other.name).command:
            other.version = version_of(other.name)


class Floor:
    """A bare loop of send(), of the same size and pace."""
    name = "send()"

    def does(self, work):
        return work.floor is not None

    def measure(self, setting, work):
        return self.run(setting, work.floor)

    @staticmethod
    def run(setting, arguments):
        cpus = [",".join(map(str, cpus)) for cpus in (setting.server_cpus, setting.generator_cpus)]
        # What a work sets itself stands.
        duration = () if "--duration" in arguments else ("--duration", str(setting.seconds))
        command = [setting.programs.send_floor, *arguments, *duration,
                   "--sender-cpus", cpus[0], "--reader-cpus", cpus[1]]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            return Outcome.failed(ran.stderr.strip().splitlines()[-1] if ran.stderr.strip() else "send_floor failed")
        found = json.loads(ran.stdout)
        return Outcome(valid=True, reasons=[], data={
            "server": {"cpu_us_per_delivery": found["cpu_us_per_send"], "load": found["load"],
                       "memory_per_connection": found["memory_per_socket"]},
            "deliveries_per_s": found["sends_per_s"], "connect_cpu_us": found["cpu_us_per_accept"],
            "connects_per_s": found["accepts_per_s"]})


class FloorTls(Floor):
    """The same by SSL_write(). It handshakes with one client at a time, so its rate of connects says nothing."""
    name = "SSL_write()"

    def does(self, work):
        return work.tls_floor is not None and machine.tables_for(work.connections) == 1

    def measure(self, setting, work):
        certificate, key = setting.certificate
        return self.run(setting, (*work.tls_floor, "--tls-certificate", certificate, "--tls-key", key))
