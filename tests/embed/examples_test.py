# SPDX-License-Identifier: Apache-2.0
"""examples_test.py DIRECTORY: plays what the head of each example promises against the built program."""
import asyncio
import json
import pathlib
import re
import subprocess
import sys
import unittest
import urllib.request

import websockets

examples = pathlib.Path(sys.argv.pop(1))
PATIENCE_S = 60


class Example:
    """The running program; it says where it listens on its first line."""

    def __init__(self, name):
        self.process = subprocess.Popen(
            [examples / name, "listen=127.0.0.1", "port=0", "reactors=2", "log_level=error", "drain_delay=0s", "drain_period=0s"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = re.fullmatch(r"listening on (\S+)\n", self.process.stdout.readline())[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def report(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def stream(self, target):
        return urllib.request.urlopen(self.url + target, timeout=PATIENCE_S)


def next_data(stream, event):
    """The data of the stream's next event of this type."""
    seen = None
    for line in stream:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "event":
            seen = value
        if name == "data" and seen == event:
            return json.loads(value)
    raise AssertionError(f"the stream ended without {event}")


class OrderStatus(unittest.TestCase):
    def test_watchers_and_customer_see_it(self):
        with Example("order_status") as shop:
            watcher = shop.stream("/events?rooms=order-status/17")
            customer = shop.stream("/events?rooms=@me&user=alice")
            next_data(watcher, "connection_id")
            next_data(customer, "connection_id")
            self.assertEqual(shop.report("17 alice packed"), "reported 17")
            for stream in watcher, customer:
                self.assertEqual(next_data(stream, "order_status")["data"], {"order": "17", "status": "packed"})
            # Who comes later finds it as well.
            late = shop.stream("/events?rooms=order-status/17&last_event_id=0")
            self.assertEqual(next_data(late, "order_status")["data"]["status"], "packed")
            # The same line again is sent once; after the last status the streams of the order end.
            self.assertEqual(shop.report("17 alice packed"), "reported 17")
            self.assertEqual(shop.report("17 alice delivered"), "reported 17")
            self.assertEqual(next_data(watcher, "order_status")["data"]["status"], "delivered")
            while watcher.readline():
                pass
            self.assertEqual(shop.report("what is this"), "reported what")
            self.assertEqual(shop.report("two words"), "expected ORDER CUSTOMER STATUS, got: two words")
            shop.process.stdin.close()
            self.assertEqual(shop.process.wait(PATIENCE_S), 0)

    def test_wrong_setting_stops_it(self):
        done = subprocess.run([examples / "order_status", "prot=1"], text=True, capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("prot", done.stderr)


class ChatCommands(unittest.TestCase):
    def test_commands_of_its_own(self):
        with Example("chat_commands") as chat:
            asyncio.run(asyncio.wait_for(self.play(chat), PATIENCE_S))
            chat.process.terminate()
            self.assertEqual(chat.process.wait(PATIENCE_S), 0)

    async def play(self, chat):
        async def next_event(socket, name):
            while True:
                event = json.loads(await socket.recv())
                if event["event_type"] == name:
                    return event

        url = chat.url.replace("http:", "ws:") + "/ws?room=lobby&user="
        async with websockets.connect(url + "alice") as alice, websockets.connect(url + "bob") as bob:
            await next_event(alice, "connection_id")
            await next_event(bob, "connection_id")
            await alice.send('{"action":"roll","room":"lobby"}')
            eyes = [(await next_event(socket, "rolled")) for socket in (alice, bob)]
            self.assertIn(eyes[0]["data"], range(1, 7))
            self.assertEqual(eyes[0]["data"], eyes[1]["data"])
            self.assertEqual(eyes[1]["user"], "alice")
            await bob.send('{"action":"who"}')
            self.assertEqual((await next_event(bob, "online"))["data"], ["alice", "bob"])
            await bob.send('{"action":"dance"}')
            self.assertEqual((await next_event(bob, "error"))["code"], "unknown_action")


class SocketIo:
    """A client over a WebSocket: the packets of Engine.IO and Socket.IO as they are."""

    def __init__(self, socket):
        self.socket = socket
        self.kept = []  # packets that nobody has asked for yet: what comes from several sources comes in any order

    async def open(self):
        assert (await self.socket.recv()).startswith("0{")
        await self.socket.send("40")
        packet = await self.socket.recv()
        assert packet.startswith("40{"), packet
        self.id = json.loads(packet[2:])["sid"]
        return self

    async def emit(self, *arguments, ack=""):
        await self.socket.send(f"42{ack}" + json.dumps(arguments, separators=(",", ":")))

    async def packet(self, fits):
        """The first packet that fits, as it is; its head, and what follows as JSON."""
        while True:
            for packet in self.kept:
                if fits(packet):
                    self.kept.remove(packet)
                    head, _, rest = packet.partition("[")
                    return head, json.loads("[" + rest)
            packet = await self.socket.recv()
            if packet == "2":
                await self.socket.send("3")
            else:
                self.kept.append(packet)

    async def acknowledgement(self, number):
        return (await self.packet(lambda packet: packet.startswith(f"43{number}[")))[1]

    async def asked(self, name):
        """The next event of this name: its number, where an acknowledgement is wanted, and its argument."""
        head, (_, argument) = await self.packet(lambda packet: packet.startswith("42") and f'["{name}",' in packet)
        return head[2:], argument

    async def next(self, name):
        return (await self.asked(name))[1]


class SocketIoChat(unittest.TestCase):
    def test_the_chat(self):
        with Example("socketio_chat") as chat:
            asyncio.run(asyncio.wait_for(self.play(chat), PATIENCE_S))
            chat.process.terminate()
            self.assertEqual(chat.process.wait(PATIENCE_S), 0)

    async def play(self, chat):
        url = chat.url.replace("http:", "ws:") + "/socket.io/?EIO=4&transport=websocket"
        async with websockets.connect(url) as one, websockets.connect(url) as two:
            alice, bob = await SocketIo(one).open(), await SocketIo(two).open()
            await bob.emit("message", {"content": "early"})
            for client in alice, bob:
                self.assertEqual(list(await client.next("message")), ["userId", "content", "timestamp"])
            await alice.emit("join", "Alice", ack=7)
            joined = await alice.next("user-joined")
            self.assertEqual((list(joined), joined["userId"], joined["username"]), (["userId", "username", "timestamp"], alice.id, "Alice"))
            self.assertEqual(await alice.next("online-users"), [[alice.id, "Alice"]])
            self.assertEqual(await alice.acknowledgement(7), [{"status": "ok"}])
            self.assertRegex(joined["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            await bob.emit("join", "Bob")
            self.assertEqual(sorted(await bob.next("online-users")), sorted([[alice.id, "Alice"], [bob.id, "Bob"]]))
            await alice.emit("message", {"content": "hello"})
            for client in alice, bob:
                message = await client.next("message")
                self.assertEqual((list(message), message["username"], message["content"]),
                                 (["userId", "username", "content", "timestamp"], "Alice", "hello"))
            await bob.emit("direct-message", {"to": alice.id, "content": "psst"})
            direct = await alice.next("direct-message")
            self.assertEqual((list(direct), direct["from"], direct["content"]), (["from", "username", "content", "timestamp"], bob.id, "psst"))
            await alice.emit("join-room", "red")
            self.assertEqual(await alice.next("user-joined-room"), {"userId": alice.id, "username": "Alice", "room": "red"})
            await bob.emit("room-message", {"room": "red", "content": "in here"})
            said = await alice.next("room-message")
            self.assertEqual((list(said), said["content"]), (["userId", "username", "content", "timestamp"], "in here"))
            # A question from one client to another, through an acknowledgement that the program asks for.
            await alice.emit("ask", {"to": bob.id, "question": "how much"}, ack=8)
            number, question = await bob.asked("question")
            self.assertEqual(question, "how much")
            await two.send(f'43{number}["three",3]')
            self.assertEqual(await alice.acknowledgement(8), ["three", 3])
            await alice.emit("ask", {"to": "nobody", "question": "x"}, ack=9)
            self.assertEqual((await alice.acknowledgement(9))[0]["code"], "no_answer")
            await alice.emit("dance", ack=10)
            self.assertEqual((await alice.acknowledgement(10))[0]["code"], "unknown_event")
            await bob.socket.close()
            left = await alice.next("user-left")
            self.assertEqual((list(left), left["userId"]), (["userId", "username", "timestamp"], bob.id))


unittest.main(verbosity=2)
