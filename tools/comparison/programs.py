# SPDX-License-Identifier: Apache-2.0
"""The programs that are measured and measure: built when needed, started, waited for, stopped."""
import contextlib
import dataclasses
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS = 20
STOP_SECONDS = 20
TARGETS = ("src/app/ringcast", "tools/ringload/ringload", "tools/comparison/send_floor")


class ProgramError(Exception):
    """In one readable line."""


@dataclasses.dataclass(frozen=True)
class Programs:
    ringcast: str
    ringload: str
    send_floor: str

    @staticmethod
    def in_build(directory):
        paths = [str(pathlib.Path(directory) / target) for target in TARGETS]
        for path in paths:
            if not os.access(path, os.X_OK):
                raise ProgramError(f"{path} is not there; build it, or leave --build out")
        return Programs(*paths)

    @staticmethod
    def built():
        script = '. "$0"/tools/common.sh && release_build "$@"'
        if subprocess.run(["bash", "-euc", script, str(TOP), *TARGETS], check=False).returncode != 0:
            raise ProgramError("the build failed")
        return Programs.in_build(TOP / "build/release")


def pinned(cpus):
    """For subprocess: binds the child to these CPUs."""
    return lambda: os.sched_setaffinity(0, cpus)


def descendants(pid):
    """The processes that it started, and those that they started."""
    found = []
    with contextlib.suppress(OSError):
        for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, path.read_text(encoding="ascii").split()):
                found += [child, *descendants(child)]
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Certificate:
    """One of localhost's own, as long as it is measured: the paths of it and of its key."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="ringcast-compare-")
        paths = tuple(str(pathlib.Path(self._folder.name) / name) for name in ("cert.pem", "key.pem"))
        output_of("openssl", ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                              "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                              "-out", paths[0], "-keyout", paths[1]])
        return paths

    def __exit__(self, *_):
        self._folder.cleanup()


class Process:
    """A server that runs. Its output is kept in a file, for the last words of one that ended by itself."""

    def __init__(self, name, command, cpus, port=None, environment=None):
        self.name = name
        self.port = port
        self._log = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
                                             env={**os.environ, **(environment or {})}, preexec_fn=pinned(cpus))
        except OSError as error:
            raise ProgramError(f"{name}: {command[0]}: {error.strerror}") from error
        self.pid = self._process.pid

    def output(self):
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    def ended(self):
        return self._process.poll() is not None

    def wait_until(self, condition):
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            if self.ended() or time.monotonic() > deadline:
                words = self.output().strip().splitlines()[-3:]
                ended = f"ended with {self._process.returncode}" if self.ended() else "is not ready"
                self.stop()
                raise ProgramError(f"{self.name} {ended}: {' / '.join(words) or 'it said nothing'}")
            time.sleep(0.02)

    def wait_for_port_said(self, scheme="http"):
        """ringcast says which port it got."""
        def said():
            found = re.search(scheme + r"://\S+:(\d+)", self.output())
            self.port = int(found[1]) if found else None
            return self.port is not None
        self.wait_until(said)

    def wait_for_port_open(self):
        def open_now():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        self.wait_until(open_now)

    def stop(self):
        started = descendants(self.pid)
        if not self.ended():
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in started:  # what it left behind
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def output_of(name, command):
    """What a program says in one line; ProgramError with its words when it fails."""
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ProgramError(f"{name}: {command[0]}: {error.strerror}") from error
    if ran.returncode != 0:
        raise ProgramError(ran.stderr.strip() or f"{command[0]} ended with {ran.returncode}")
    return ran.stdout.strip()


def split_command(command, port):
    return [word.replace("{port}", str(port)) for word in shlex.split(command)]
