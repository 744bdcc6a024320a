# SPDX-License-Identifier: Apache-2.0
"""Socket.IO: ringcast's over WebSocket and over polling, beside its own protocol and beside Socket.IO on Node."""
import dataclasses

from . import arguments as command_line
from . import output, rounds, servers
from .generator import run_ringload
from .servers import Ringcast
from .works import CPU, MEMORY, NO_PRESENCE, P99, PATIENCE, WIDE_OUTBOX, Work, count

MEMBERS, QUICK_MEMBERS = 1000, 20
DELIVERIES_PER_S = 40_000
CHAT = ("--preset", "socketio", "--join", '420["join-room","{room}"]', "--joined", "430[",
        "--publish", '42["room-message",{"room":"{room}","content":"{payload}"}]')
TRANSPORTS = (("websocket", "WebSocket"), ("poll", "polling"))


@dataclasses.dataclass
class Native(Ringcast):
    """The same server over its own protocol."""
    transport: str = "websocket"

    def measure(self, setting, work):
        return measure_ringcast(self, setting, work, ())


@dataclasses.dataclass
class OverSocketIo(Native):
    def measure(self, setting, work):
        return measure_ringcast(self, setting, work, CHAT)


def measure_ringcast(server, setting, work, dialect):
    with server.start(setting, work.connections, work.ringcast_flags) as process:
        return run_ringload(setting, process, work.connections,
                            [*work.arguments, "--transport", server.transport, *dialect])


def on_node(transport, title):
    """The server of others/socketio, spoken to over this transport."""
    server = servers.known("socketio")
    server.name = f"Node, {title}"
    server.arguments = (*server.arguments, "--transport", transport)
    return server


def sides(engine):
    own = [OverSocketIo(engine, f"ringcast, {title}", transport) for transport, title in TRANSPORTS]
    return [own[0], Native(engine, "ringcast, native WebSocket"), on_node(*TRANSPORTS[0]),
            own[1], Native(engine, "ringcast, native long poll", "poll"), on_node(*TRANSPORTS[1])]


def works_of(members, quick):
    rate = f"{(500 if quick else DELIVERIES_PER_S) / members:g}"
    settle = "100ms" if quick else "2s"
    return [Work("fanout", f"Fan-out to {count(members)}, {rate} messages/s", "fanout",
                 ("fanout", "--members", str(members), "--rate", rate, *PATIENCE), (CPU, P99), members + 1,
                 WIDE_OUTBOX),  # a thousand joins at once are a thousand events for each, which poll for them in turn
            Work("memory", f"Idle memory, {count(members)} connections in a room", "memory",
                 ("connect", "--connections", str(members), "--rooms", str(max(1, members // 100)),
                  "--connect-rate", "2000", *PATIENCE, "--settle", settle, "--warmup", "0s", "--duration", "100ms"),
                 (MEMORY,), members, NO_PRESENCE)]


def run(given, engines):
    members = given.members[0] if given.members else QUICK_MEMBERS if given.quick else MEMBERS
    setting = command_line.setting_of(given, given.seconds or (0.4 if given.quick else 5), 0.1 if given.quick else 1)
    sides_of_engine = sides(engines[0])
    node = [side for side in sides_of_engine if isinstance(side, servers.Other)]
    node[0].version = servers.version_of("socketio")
    found = rounds.Rounds(sides_of_engine, works_of(members, given.quick))
    found.run(setting, given.rounds)
    return output.write(rounds.document(found, given.rounds), rounds.tables(found), setting.programs, given.out, "socketio",
                        given.markdown)
