# SPDX-License-Identifier: Apache-2.0
"""How many messages a second the inlets of one server carry. Each run starts the other system and a server, writes all
messages into the other system as fast as that takes them, and ends when the server has published the last one."""
import argparse
import contextlib
import json
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from .machine import description_text
from .programs import TOP, ProgramError, free_port

ROOMS = 10
WAIT_SECONDS = 60
STALL_SECONDS = 30


def body(number):
    return json.dumps({"room": f"r{number % ROOMS}", "n": number, "text": "x" * 80}).encode()


def until(done, what, seconds=WAIT_SECONDS):
    end = time.monotonic() + seconds
    while not (found := done()):
        if time.monotonic() > end:
            raise ProgramError(f"waited {seconds} s for {what}")
        time.sleep(0.01)
    return found


def connected(port):
    with contextlib.suppress(OSError):
        return socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)
    return None


class Source:
    """The other system: a process of its own in a folder of its own, and a connection that publishes."""
    most = sys.maxsize  # messages of a run

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.process = subprocess.Popen(self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.begin()

    def begin(self):
        self.socket = until(lambda: connected(self.port), f"{self.command()[0]} to answer")

    def replies(self, count, mark):
        """Reads until so many of these marks have come."""
        while count > 0:
            got = self.socket.recv(1 << 16)
            if not got:
                raise ProgramError("the connection was closed")
            count -= got.count(mark)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Redis(Source):
    def command(self):
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if not program:
            raise ProgramError("there is no redis-server")
        return [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder,
                "--client-output-buffer-limit", "pubsub", "0", "0", "0"]

    def commands(self, count):
        return b"".join(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
                        for words in map(self.words, range(count)))

    def publish(self, commands, count):
        reader = threading.Thread(target=self.replies, args=(count, b"\r\n" if self.single_line else b"$"))
        reader.start()
        self.socket.sendall(commands)
        reader.join()


class PubSub(Redis):
    title, type, single_line = "Redis Pub/Sub", "redis_pubsub", True

    def words(self, number):
        return b"PUBLISH", b"bus", body(number)

    def inlet(self):
        return f'url = "redis://127.0.0.1:{self.port}"\nfrom = "bus"\n'


class Stream(Redis):
    title, type, single_line = "Redis Stream", "redis_stream", False

    def words(self, number):
        return b"XADD", b"bus", b"*", b"data", body(number)

    def inlet(self):
        return f'url = "redis://127.0.0.1:{self.port}"\nfrom = "bus"\nstart = "oldest"\n'


class Nats(Source):
    title, type = "NATS", "nats"

    def command(self):
        program = shutil.which("nats-server", path="/usr/sbin:/usr/bin:/usr/local/bin")
        if not program:
            raise ProgramError("there is no nats-server")
        return [program, "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", self.folder]

    def begin(self):
        super().begin()
        self.socket.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
        self.replies(1, b"PONG")

    def commands(self, count):
        return b"".join(b"PUB bus %d\r\n%s\r\n" % (len(text), text) for text in map(body, range(count))) + b"PING\r\n"

    def publish(self, commands, _):
        self.socket.sendall(commands)
        self.replies(1, b"PONG")

    def inlet(self):
        return f'url = "nats://127.0.0.1:{self.port}"\nfrom = "bus"\n'


class JetStream(Nats):
    title, type = "JetStream", "jetstream"

    def begin(self):
        super().begin()
        stream = json.dumps({"name": "BUS", "subjects": ["bus"], "storage": "file"}).encode()
        self.socket.sendall(b"SUB answer 1\r\nPUB $JS.API.STREAM.CREATE.BUS answer %d\r\n%s\r\n" % (len(stream), stream))
        self.replies(1, b"stream_create_response")

    def inlet(self):
        return super().inlet() + 'stream = "BUS"\nstart = "oldest"\n'


class Kafka(Source):
    title, type = "Kafka (librdkafka's mock cluster)", "kafka"
    program = None  # set by main()
    most = 25_000  # the mock cluster keeps 5 MB of a partition

    def command(self):
        return [self.program]

    def begin(self):
        self.address = self.process.stdout.readline().decode().strip()
        self.say(b"topic\tbus\t1\n", 1)

    def say(self, lines, count):
        def write():
            self.process.stdin.write(lines)
            self.process.stdin.flush()

        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(count):
            if (answer := self.process.stdout.readline()) != b"ok\n":
                raise ProgramError(f"mock_kafka: {answer.decode()}")
        writer.join()

    def commands(self, count):
        return b"".join(b"produce\tbus\t0\tk\t%s\n" % body(number) for number in range(count)) + b"flush\n"

    def publish(self, commands, count):
        self.say(commands, count + 1)

    def inlet(self):
        return f'url = "kafka://{self.address}"\nfrom = "bus"\nstart = "oldest"\n'


SOURCES = {source.type: source for source in (PubSub, Stream, Nats, JetStream, Kafka)}


class Server:
    def __init__(self, program, source, folder):
        config = pathlib.Path(folder) / "ringcast.toml"
        config.write_text(f'[[inlets]]\nname = "bus"\ntype = "{source.type}"\nroom = "{{$.room}}"\n{source.inlet()}', encoding="utf-8")
        self.port = free_port()
        self.process = subprocess.Popen([program, "--config", config, "--port", str(self.port), "--listen", "127.0.0.1", "--reactors", "1"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def metric(self, name):
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=WAIT_SECONDS) as answer:
                for line in answer.read().decode().splitlines():
                    if line.startswith(f'ringcast_inlet_{name}{{inlet="bus"}} '):
                        return int(line.rpartition(" ")[2])
        return 0

    def stop(self):
        self.process.kill()
        self.process.wait()


def run(kind, program, count):
    """(messages a second, messages that were lost)"""
    with tempfile.TemporaryDirectory(prefix="ringcast-rates-", ignore_cleanup_errors=True) as folder, contextlib.ExitStack() as stack:
        source = kind(folder)
        stack.callback(source.stop)
        server = Server(program, source, folder)
        stack.callback(server.stop)
        until(lambda: server.metric("up") == 1, "the inlet to be connected")
        commands = source.commands(count)
        began = last = time.monotonic()
        source.publish(commands, count)
        published = 0
        while published < count and time.monotonic() - last < STALL_SECONDS:
            if (now := server.metric("published_total")) != published:
                published, last = now, time.monotonic()
            time.sleep(0.005)
        return published / (last - began), count - published


def main():
    parser = argparse.ArgumentParser(prog="tools/rates", description=__doc__)
    parser.add_argument("--build", default=str(TOP / "build/release"), help="directory of a build (build/release)")
    parser.add_argument("--types", nargs="+", choices=SOURCES, default=list(SOURCES), help="of inlets (all)")
    parser.add_argument("--messages", type=int, default=50_000, help="of a run (50000)")
    parser.add_argument("--runs", type=int, default=5, help="of each type, of which the median counts (5)")
    arguments = parser.parse_args()
    build = pathlib.Path(arguments.build)
    Kafka.program = str(build / "tests/kafka/mock_kafka")
    print(f"Messages a second into one server with one reactor: messages of {len(body(0))} bytes for {ROOMS} rooms in which "
          f"nobody is; median (lowest to highest) of {arguments.runs} runs. {description_text()}\n")
    print("| from | messages | a second | lost |\n| --- | ---: | ---: | ---: |")
    failed = False
    for kind in map(SOURCES.get, arguments.types):
        try:
            count = min(arguments.messages, kind.most)
            runs = [run(kind, str(build / "src/app/ringcast"), count) for _ in range(arguments.runs)]
        except (OSError, ProgramError) as error:
            print(f"| {kind.title} | not measured: {error} | | |", flush=True)
            failed = True
            continue
        rates = [rate for rate, _ in runs]
        print(f"| {kind.title} | {count} | {statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f}) | {max(lost for _, lost in runs)} |", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
