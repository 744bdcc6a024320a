"""The sides of a comparison: ringcast on each engine, other servers, and the bare send() loop."""
import dataclasses
import json
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
    echo: str = ""  # path of an echo, when it has one
    sse: bool = False

    def does(self, work):
        if work.kind == "echo":
            return bool(self.echo)
        return self.sse if work.kind == "sse" else True

    def measure(self, setting, work):
        port = programs.free_port()
        with programs.Process(self.name, programs.split_command(self.command, port), setting.server_cpus, port) as process:
            process.wait_for_port_open()
            if work.kind == "echo":
                dialect = ["--preset", "raw", "--path", self.echo]
            else:
                dialect = ["--preset", self.preset, *self.arguments]
            return run_ringload(setting, process, work.connections, [*work.arguments, *dialect])


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
