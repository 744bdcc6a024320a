# SPDX-License-Identifier: Apache-2.0
"""One run of ringload against a server that is there, and what it found."""
import dataclasses
import json
import pathlib
import subprocess
import tempfile

from . import machine
from .programs import pinned

FAULTS = ("lost", "duplicates", "reordered")


@dataclasses.dataclass
class Outcome:
    valid: bool
    reasons: list
    data: dict

    @staticmethod
    def failed(reason):
        return Outcome(valid=False, reasons=[reason], data={})

    def figure(self, path):
        """A number by its path in ringload's JSON; None when it is not there."""
        value = self.data
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value if isinstance(value, (int, float)) else None

    def faults(self):
        """Messages that did not come once and in order, and errors."""
        return sum(self.data.get(name, 0) for name in FAULTS) + sum(self.data.get("errors", {}).values())


def ringload_command(setting, process, connections, arguments, json_path):
    command = [setting.programs.ringload, *arguments, "--target", f"127.0.0.1:{process.port}", "--pid", str(process.pid),
               "--source", machine.sources_for(connections), "--json", json_path]
    cpus = len(setting.generator_cpus)
    if cpus > 1:
        command += ["--threads", str(max(machine.tables_for(connections), min(cpus, connections)))]
    # What a work sets itself stands.
    for flag, seconds in (("--duration", setting.seconds), ("--warmup", setting.warmup), ("--settle", setting.settle)):
        if flag not in arguments:
            command += [flag, f"{seconds:g}s"]
    return command


def run_ringload(setting, process, connections, arguments, on_line=None):
    """`on_line` is given each line of progress while the run goes on."""
    with tempfile.TemporaryDirectory(prefix="ringcast-compare-") as folder:
        path = pathlib.Path(folder) / "run.json"
        command = ringload_command(setting, process, connections, arguments, str(path))
        if on_line is None:
            command.append("--quiet")
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                   preexec_fn=pinned(setting.generator_cpus))
        said = []
        try:
            for line in running.stderr:
                said = [*said[-4:], line.strip()]
                if on_line is not None:
                    on_line(line)
            running.wait()
        finally:
            if running.poll() is None:
                running.kill()
                running.wait()
        if not path.exists():
            server = f"; {process.name} ended by itself" if process.ended() else ""
            return Outcome.failed(f"{said[-1] if said else f'ringload ended with {running.returncode}'}{server}")
        data = json.loads(path.read_text(encoding="utf-8"))
    reasons = list(data["invalid"])
    if process.ended():
        reasons.append(f"{process.name} ended by itself")
    return Outcome(valid=not reasons, reasons=reasons, data=data)
