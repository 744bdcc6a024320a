# SPDX-License-Identifier: Apache-2.0
"""HTTP/2: event streams over connections of their own, and as streams of HTTP/2, plain and over TLS; plain requests."""
import dataclasses

from . import arguments as command_line
from . import output, rounds
from .generator import run_ringload
from .programs import Certificate
from .servers import SPEAK_TLS, Ringcast, RingcastTls
from .works import CPU, MEMORY, NO_PRESENCE, P99, PATIENCE, WIDE_OUTBOX, Figure, Work, count

MEMBERS, QUICK_MEMBERS = 1000, 20
DELIVERIES_PER_S = 40_000
STREAMS = 100  # of one connection, one of which is not read
CALL_CPU = Figure("cpu_us", "server CPU", "µs per request", ("server", "cpu_us_per_delivery"))
CALL_RATE = Figure("requests_per_s", "requests", "per s", ("deliveries_per_s",), lower_is_better=False)
POST = ("--post-path", "/messages", "--post-body", '{"room":"{room}","content":"{payload}"}')


def flags_of(streams):
    """A publisher POSTs over both, so that what is compared is the delivery."""
    return POST if streams == 0 else ("--http2", str(streams))


@dataclasses.dataclass
class Plain(Ringcast):
    streams: int = 0  # of each connection; 0: HTTP/1.1

    def does(self, work):
        return work.kind != "grpc" or self.streams > 0

    def measure(self, setting, work):
        with self.start(setting, work.connections, work.ringcast_flags) as process:
            return run_ringload(setting, process, work.connections, [*work.arguments, *flags_of(self.streams)])


@dataclasses.dataclass
class OverTls(RingcastTls):
    streams: int = 0

    def __post_init__(self):
        Ringcast.__post_init__(self)

    does = Plain.does

    def measure(self, setting, work):
        with self.start(setting, work.connections, work.ringcast_flags) as process:
            return run_ringload(setting, process, work.connections,
                                [*work.arguments, *flags_of(self.streams), *SPEAK_TLS])


def title_of(streams):
    return "HTTP/1.1" if streams == 0 else f"HTTP/2, {streams} a connection"


def sides(engine):
    plain = [Plain(engine, title_of(streams), streams) for streams in (0, 1, 10, STREAMS)]
    return plain + [OverTls(engine, f"TLS, {title_of(streams)}", streams) for streams in (0, 10)]


def works_of(members, quick):
    deliveries = 500 if quick else DELIVERIES_PER_S
    streams = QUICK_MEMBERS if quick else STREAMS
    settle = "100ms" if quick else "2s"

    def streamed(scenario, members, *further):
        return (scenario, "--transport", "sse", "--members", str(members), "--rate", f"{deliveries / members / 4:g}",
                *PATIENCE, *further)
    return [Work("fanout", f"SSE fan-out to {count(members)}, {deliveries / members:g} messages/s", "sse",
                 ("fanout", "--transport", "sse", "--members", str(members), "--rate", f"{deliveries / members:g}",
                  *PATIENCE), (CPU, P99), members + 1, WIDE_OUTBOX),
            Work("hundred", f"SSE fan-out to {streams}", "sse", streamed("fanout", streams), (CPU, P99), streams + 1, WIDE_OUTBOX),
            Work("unread", "… of which one never reads", "sse", streamed("slow", streams, "--slow", str(100 // streams)),
                 (CPU, P99), streams + 1),
            Work("memory", f"Idle memory, {count(members)} event streams", "memory",
                 ("connect", "--transport", "sse", "--connections", str(members), "--rooms", str(max(1, members // 100)),
                  "--connect-rate", "2000", *PATIENCE, "--settle", settle, "--warmup", "0s", "--duration", "100ms"),
                 (MEMORY,), members, NO_PRESENCE),
            Work("post", "POST /messages, 16 at a time", "http",
                 ("echo", "--transport", "http", "--connections", "16", *POST), (CALL_CPU, CALL_RATE), 16),
            Work("grpc", "Publish by gRPC, 16 at a time", "grpc",
                 ("echo", "--transport", "grpc", "--connections", "16"), (CALL_CPU, CALL_RATE), 16)]


def run(given, engines):
    members = given.members[0] if given.members else QUICK_MEMBERS if given.quick else MEMBERS
    setting = command_line.setting_of(given, given.seconds or (0.4 if given.quick else 5), 0.1 if given.quick else 1)
    every = sides(engines[0])
    found = rounds.Rounds([every[0], every[2], every[5]] if given.quick else every, works_of(members, given.quick))
    with Certificate() as setting.certificate:
        found.run(setting, given.rounds)
    return output.write(rounds.document(found, given.rounds), rounds.tables(found), setting.programs, given.out, "http2",
                        given.markdown)
