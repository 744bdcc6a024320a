# SPDX-License-Identifier: Apache-2.0
"""What is compared: each work is a run of ringload and the figures that are taken from it."""
import dataclasses

PAYLOAD = 128
# What a 128-byte payload is on the wire with room, user and time around it; a few bytes more change no send.
FRAME = 260
# Each arrival would be sent to everybody in the room: fifty events for each connection, which is another measurement.
NO_PRESENCE = ("--presence=false",)
# A server that is slow to take its members is measured with all of them.
PATIENCE = ("--connect-timeout", "60s")
# Enough for all messages under way at once: a server that drops or cuts has done less work.
WIDE_OUTBOX = ("--outbox-messages-max", "65536", "--outbox-size-max", "256MiB")


@dataclasses.dataclass(frozen=True)
class Figure:
    key: str
    title: str
    unit: str
    path: tuple
    lower_is_better: bool = True


CPU = Figure("cpu_us", "server CPU", "µs per delivery", ("server", "cpu_us_per_delivery"))
ECHO_CPU = Figure("cpu_us", "server CPU", "µs per echo", ("server", "cpu_us_per_delivery"))
P99 = Figure("p99_ms", "latency p99", "ms", ("latency_ms", "corrected", "p99"))
RATE = Figure("deliveries_per_s", "deliveries", "per s", ("deliveries_per_s",), lower_is_better=False)
ECHO_RATE = Figure("echoes_per_s", "echoes", "per s", ("deliveries_per_s",), lower_is_better=False)
CONNECT_CPU = Figure("connect_cpu_us", "server CPU", "µs per connection", ("connect_cpu_us",))
CONNECT_RATE = Figure("connects_per_s", "connects", "per s", ("connects_per_s",), lower_is_better=False)
MEMORY = Figure("memory", "server memory (PSS)", "bytes per connection", ("server", "memory_per_connection"))


@dataclasses.dataclass(frozen=True)
class Work:
    name: str
    title: str
    kind: str  # echo, fanout, sse, connect, memory
    arguments: tuple
    figures: tuple
    connections: int
    ringcast_flags: tuple = ()
    floor: tuple = None  # arguments of send_floor
    tls_floor: tuple = None  # likewise, of the one that speaks TLS
    tls_arguments: tuple = ()  # further ones of ringload; only servers that speak TLS do it
    depth: int = 0  # of a saturated work: messages of each publisher under way


def count(number):
    return f"{number:,}"


def echo(connections):
    return Work(f"echo-{connections}", f"Echo, {count(connections)} connections", "echo",
                ("echo", "--connections", str(connections)), (ECHO_CPU, ECHO_RATE), connections,
                floor=("--echo", "--sockets", str(connections), "--bytes", str(PAYLOAD)))


def fanout_paced(members, deliveries_per_s, transport="websocket"):
    rate = f"{deliveries_per_s / members:g}"
    kind, named = ("sse", "SSE fan-out") if transport == "sse" else ("fanout", "Fan-out")
    return Work(f"{kind}-{members}-paced", f"{named} to {count(members)}, {rate} messages/s", kind,
                ("fanout", "--members", str(members), "--rate", rate, "--transport", transport, *PATIENCE), (CPU, P99),
                members + 1, floor=("--sockets", str(members), "--bytes", str(FRAME), "--rate", rate))


def saturated(sizes, members, transport="websocket"):
    """One work for each depth. The usual one has the plain name."""
    depths = sizes.in_flight or (sizes.saturated[1],)
    return [dataclasses.replace(
        fanout_unpaced(f"saturated-{depth}" if sizes.in_flight else "saturated", members, sizes.saturated[0], depth,
                       transport), depth=depth) for depth in depths]


def fanout_unpaced(name, members, publishers, in_flight, transport="websocket"):
    """So many messages under way until the last member has them: as fast as it goes."""
    kind, named = ("sse", "SSE fan-out") if transport == "sse" else ("fanout", "Fan-out")
    return Work(f"{kind}-{members}-{name}", f"{named} to {count(members)}, {publishers} × {in_flight} under way", kind,
                ("fanout", "--members", str(members), "--publishers", str(publishers), "--in-flight", str(in_flight),
                 "--transport", transport, *PATIENCE), (CPU, RATE), members + publishers, WIDE_OUTBOX,
                floor=("--sockets", str(members), "--bytes", str(FRAME)))


def connect(connections):
    return Work(f"connect-{connections}", f"Connect and upgrade, {count(connections)}", "connect",
                ("connect", "--connections", str(connections), "--rooms", "100", "--connect-rate", "1000000",
                 *PATIENCE, "--settle", "0s", "--warmup", "0s", "--duration", "100ms"), (CONNECT_CPU, CONNECT_RATE),
                connections, NO_PRESENCE)


def memory(connections, settle):
    return Work(f"memory-{connections}", f"Idle memory, {count(connections)} connections", "memory",
                ("connect", "--connections", str(connections), "--rooms", str(max(1, connections // 100)),
                 "--connect-rate", "20000", *PATIENCE, "--settle", settle, "--warmup", "0s",
                 "--duration", "100ms"), (MEMORY,), connections, NO_PRESENCE)


@dataclasses.dataclass(frozen=True)
class Sizes:
    echo: tuple = (64, 1000)
    members: tuple = (1000, 10_000)
    deliveries_per_s: int = 40_000
    # A few under way keep the server busy with a send for nearly every delivery. Very many leave in long runs, which cost
    # the server so little that the generator, which checks each message, wants two cores for each of the server's.
    busy: tuple = (1, 2)
    saturated: tuple = (32, 32)
    in_flight: tuple = ()  # depths of the saturated works instead of that one
    connects: int = 10_000
    connections: tuple = (10_000, 100_000)
    memory_settle: str = "2s"


QUICK = Sizes(echo=(8,), members=(20, 50), deliveries_per_s=500, saturated=(2, 4), connects=50, connections=(50, 100),
              memory_settle="100ms")


def all_works(sizes):
    works = [echo(connections) for connections in sizes.echo]
    for members in sizes.members:
        works += [fanout_paced(members, sizes.deliveries_per_s), fanout_unpaced("busy", members, *sizes.busy),
                  *saturated(sizes, members)]
    for members in sizes.members:
        works.append(fanout_paced(members, sizes.deliveries_per_s, "sse"))
    works += [fanout_unpaced("busy", sizes.members[0], *sizes.busy, "sse"),
              *saturated(sizes, sizes.members[0], "sse")]
    works.append(connect(sizes.connects))
    return works + [memory(connections, sizes.memory_settle) for connections in sizes.connections]


def tls_works(sizes):
    """What TLS changes: handshakes, memory, deliveries."""
    works = []
    for transport in ("websocket", "sse"):
        for members in sizes.members:
            work = fanout_paced(members, sizes.deliveries_per_s, transport)
            works.append(dataclasses.replace(work, tls_floor=work.floor))
    work = connect(sizes.connects)
    accept = ("--sockets", str(sizes.connects), "--duration", "0.001")
    works += [dataclasses.replace(work, title=f"{work.title}, whole handshakes", tls_floor=accept),
              dataclasses.replace(work, name=f"resume-{sizes.connects}", title=f"{work.title}, resumed sessions",
                                  tls_floor=(*accept, "--resume"), tls_arguments=("--tls-resume",))]
    for connections in sizes.connections:
        works.append(dataclasses.replace(memory(connections, sizes.memory_settle),
                                         tls_floor=("--sockets", str(connections), "--duration", "0.001")))
    return works


def chosen(works, wanted):
    """Those whose name has one of the texts in it. ValueError names a text that chooses nothing."""
    if not wanted:
        return works
    for text in wanted:
        if not any(text in work.name for work in works):
            raise ValueError(f"no work has \"{text}\" in its name; there are {', '.join(work.name for work in works)}")
    return [work for work in works if any(text in work.name for text in wanted)]
