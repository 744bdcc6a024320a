# SPDX-License-Identifier: Apache-2.0
"""Talks to a running ringcast with Debian's python3-websockets and urllib; writes TAP. python_client.py URL WS_URL"""

import asyncio
import json
import os
import sys
import urllib.request

import websockets

BASE, WS_BASE = sys.argv[1], sys.argv[2]
WAIT_S = 20
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def name(base):
    name.count += 1
    return f"py-{base}-{os.getpid()}-{name.count}"


name.count = 0


class Client:
    def __init__(self, path, **options):
        options.setdefault("subprotocols", ["ringcast.v1"])
        self.connecting = websockets.connect(WS_BASE + path, max_size=None, **options)

    async def __aenter__(self):
        self.socket = await asyncio.wait_for(self.connecting.__aenter__(), WAIT_S)
        self.hello = await self.event("connection_id")
        return self

    async def __aexit__(self, *error):
        await self.connecting.__aexit__(*error)

    async def send(self, **fields):
        await self.socket.send(json.dumps(fields))

    async def receive(self):
        return await asyncio.wait_for(self.socket.recv(), WAIT_S)

    async def event(self, kind):
        while True:
            frame = await self.receive()
            if isinstance(frame, str) and json.loads(frame)["event_type"] == kind:
                return json.loads(frame)

    async def join(self, room, **fields):
        await self.send(action="join", room=room, **fields)
        return await self.event("joined")


def post(body):
    request = urllib.request.Request(BASE + "/messages", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=WAIT_S) as response:
        return json.load(response)


@test
async def greets_and_echoes_the_subprotocol():
    async with Client("/ws?user=" + name("a")) as client:
        assert client.socket.subprotocol == "ringcast.v1"
        assert client.hello["connection_id"]


@test
async def chats_between_two_clients():
    room = name("room")
    async with Client("/ws?user=" + name("a")) as one, Client("/ws?user=" + name("b")) as two:
        await one.join(room)
        await two.join(room)
        await one.send(action="message", content="grüße 漢字 😀")
        first, second = await one.event("message"), await two.event("message")
        assert first == second and first["content"] == "grüße 漢字 😀"


@test
async def binary_pairs_stay_together():
    room = name("room")
    async with Client("/ws?user=" + name("a")) as client:
        await client.join(room)
        await client.socket.send(b"\x00\xff" * 500)
        event = await client.event("binary")
        assert event["bytes"] == 1000 and await client.receive() == b"\x00\xff" * 500


@test
async def compresses_both_ways():
    room = name("room")
    text = "the same words again and again " * 300
    async with Client("/ws?user=" + name("a"), compression="deflate") as client:
        # From version 13 on they are the protocol's.
        extensions = client.socket.extensions if hasattr(client.socket, "extensions") else client.socket.protocol.extensions
        assert any(extension.name == "permessage-deflate" for extension in extensions)
        await client.join(room)
        await client.send(action="message", content=text)
        assert (await client.event("message"))["content"] == text


@test
async def works_uncompressed():
    async with Client("/ws?user=" + name("a"), compression=None) as client:
        await client.join(name("room"))
        await client.send(action="ping", ref=1)
        assert (await client.event("pong"))["ref"] == 1


@test
async def answers_protocol_pings():
    async with Client("/ws?user=" + name("a")) as client:
        await asyncio.wait_for(await client.socket.ping(b"are you there"), WAIT_S)


@test
async def sends_fragments():
    room = name("room")
    async with Client("/ws?user=" + name("a")) as client:
        await client.join(room)

        async def pieces():
            for piece in ('{"action":"mess', 'age","content":"in ', 'pieces é"}'):
                yield piece

        await client.socket.send(pieces())
        assert (await client.event("message"))["content"] == "in pieces é"


@test
async def closes_with_a_handshake():
    async with Client("/ws?user=" + name("a")) as client:
        await client.socket.close(4321, "bye")
        assert client.socket.close_code == 4321


@test
async def resumes_with_since():
    room, user = name("room"), name("a")
    loop = asyncio.get_running_loop()
    async with Client("/ws?user=" + user) as client:
        position = (await client.join(room))["id"]
    for n in range(5):
        await loop.run_in_executor(None, post, {"room": room, "user": "S", "data": n})
    async with Client(f"/ws?user={user}&rooms={room}&since={room}={position}") as client:
        got = [(await client.event("message")) for _ in range(5)]
    assert [event["data"] for event in got] == [0, 1, 2, 3, 4]
    assert [event["id"] for event in got] == [position + 1 + n for n in range(5)]


@test
async def keeps_order_for_many_readers():
    room = name("room")
    clients = [Client(f"/ws?user={name('r')}&rooms={room}") for _ in range(10)]
    opened = [await client.__aenter__() for client in clients]
    for client in opened:
        await client.event("joined")
    for n in range(200):
        await opened[0].send(action="message", data=n)
    seen = []
    for client in opened:
        seen.append([(event["id"], event["data"]) for event in [await client.event("message") for _ in range(200)]])
    assert all(one == seen[0] for one in seen)
    assert [data for _, data in seen[0]] == list(range(200))
    for client in clients:
        await client.__aexit__(None, None, None)


async def main():
    failed = 0
    for number, function in enumerate(TESTS, 1):
        title = function.__name__.replace("_", " ")
        try:
            await asyncio.wait_for(function(), 60)
            print(f"ok {number} - {title}")
        except Exception as error:  # a failed test is a line, whatever it was
            failed += 1
            print(f"not ok {number} - {title} # {type(error).__name__}: {str(error)[:300]}")
    print(f"1..{len(TESTS)}")
    sys.exit(1 if failed else 0)


asyncio.run(main())
