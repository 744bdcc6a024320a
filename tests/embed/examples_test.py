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

    def tell(self, line):
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
            self.assertEqual(shop.tell("17 alice packed"), "told 17")
            for stream in watcher, customer:
                self.assertEqual(next_data(stream, "order_status")["data"], {"order": "17", "status": "packed"})
            # Who comes later finds it as well.
            late = shop.stream("/events?rooms=order-status/17&last_event_id=0")
            self.assertEqual(next_data(late, "order_status")["data"]["status"], "packed")
            # The same line again is told once; after the last status the streams of the order end.
            self.assertEqual(shop.tell("17 alice packed"), "told 17")
            self.assertEqual(shop.tell("17 alice delivered"), "told 17")
            self.assertEqual(next_data(watcher, "order_status")["data"]["status"], "delivered")
            while watcher.readline():
                pass
            self.assertEqual(shop.tell("what is this"), "told what")
            self.assertEqual(shop.tell("two words"), "expected ORDER CUSTOMER STATUS, got: two words")
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


unittest.main(verbosity=2)
