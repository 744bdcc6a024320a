# SPDX-License-Identifier: Apache-2.0
"""Frames that no decent client sends, by Debian's python3-h2 and python3-hyperframe; http2_hostile.py PORT CASE.
Writes one line of JSON: how the server ended the connection, and what it had answered."""

import json
import select
import socket
import struct
import sys
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings

PORT, CASE = int(sys.argv[1]), sys.argv[2]
WAIT_S = 20
HEADERS = [(":method", "GET"), (":path", "/health"), (":scheme", "http"), (":authority", "localhost")]


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


class Peer:
    def __init__(self, settings=None):
        self.socket = socket.create_connection(("127.0.0.1", PORT))
        self.socket.settimeout(WAIT_S)
        config = h2.config.H2Configuration(header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        if settings:
            self.h2.local_settings = h2.settings.Settings(client=True, initial_values=settings)
        self.h2.initiate_connection()
        self.status, self.data, self.data_frames, self.resets = {}, {}, {}, {}
        self.ended, self.goaway, self.closed = set(), None, False
        self.credit = True
        self.flush()

    def flush(self):
        try:
            self.socket.sendall(self.h2.data_to_send())
        except OSError:
            self.closed = True

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            self.closed = True

    def get(self, stream, path, headers=(), end=True):
        fields = [(":method", "GET"), (":path", path), (":scheme", "http"), (":authority", "localhost"), *headers]
        self.h2.send_headers(stream, fields, end_stream=end)
        self.flush()

    def read(self, until):
        """Until the condition holds or the server has closed."""
        end = time.monotonic() + WAIT_S
        while not self.closed and not until():
            if time.monotonic() > end:
                raise TimeoutError(CASE)
            try:
                data = self.socket.recv(65536)
            except (ConnectionResetError, BrokenPipeError):
                data = b""
            if not data:
                self.closed = True
                return
            for event in self.h2.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    self.status[event.stream_id] = int(dict(event.headers)[":status"])
                elif isinstance(event, h2.events.DataReceived):
                    self.data[event.stream_id] = self.data.get(event.stream_id, b"") + event.data
                    self.data_frames[event.stream_id] = self.data_frames.get(event.stream_id, 0) + 1
                    if self.credit and event.flow_controlled_length:
                        self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    self.ended.add(event.stream_id)
                elif isinstance(event, h2.events.StreamReset):
                    self.resets[event.stream_id] = int(event.error_code)
                elif isinstance(event, h2.events.ConnectionTerminated):
                    self.goaway = int(event.error_code)
            self.flush()

    def to_the_end(self):
        self.read(lambda: False)

    def report(self, **more):
        print(json.dumps({"closed": self.closed, "goaway": self.goaway, "status": self.status, "resets": self.resets, **more}))


def flood(make, most=20000, in_step=False):
    """Sends until the server has had enough; `in_step`: waits each time for what it says."""
    peer = Peer()
    peer.get(1, "/health")
    peer.read(lambda: 1 in peer.ended)
    sent = 0
    peer.socket.setblocking(False)
    answer = rest = b""
    while sent < most:
        try:
            rest = rest or make(sent)
            rest = rest[peer.socket.send(rest) :]
            sent += not rest
        except BlockingIOError:
            time.sleep(0.001)
        except OSError:
            break
        if in_step and not rest:
            select.select([peer.socket], [], [], WAIT_S)
        try:
            got = peer.socket.recv(65536)
            answer += got
            if not got:
                break
        except BlockingIOError:
            pass
        except OSError:
            break
    peer.socket.setblocking(True)
    peer.socket.settimeout(WAIT_S)
    try:
        while got := peer.socket.recv(65536):
            answer += got
    except OSError:
        pass
    goaway = None
    while len(answer) >= 9:
        length, kind = int.from_bytes(answer[:3], "big"), answer[3]
        if kind == 7:
            goaway = int.from_bytes(answer[13:17], "big")
        answer = answer[9 + length :]
    print(json.dumps({"sent": sent, "all": sent == most, "goaway": goaway}))


def main():
    if CASE == "ping":
        return flood(lambda i: frame(6, 0, 0, struct.pack(">Q", i)))
    if CASE == "settings":
        return flood(lambda i: frame(4, 0, 0))
    if CASE == "priority":
        return flood(lambda i: frame(2, 0, 2 * i + 3, struct.pack(">IB", 0, 15)))
    if CASE == "empty_data":
        # On a stream whose body never comes.
        encoder = __import__("hpack").Encoder()
        fields = [(":method", "POST"), (":path", "/messages"), (":scheme", "http"), (":authority", "localhost"), ("content-length", "5")]
        return flood(lambda i: frame(1, 4, 3, encoder.encode(fields)) if i == 0 else frame(0, 0, 3))
    if CASE == "continuation":
        return flood(lambda i: frame(1, 0, 3, b"\x82") if i == 0 else frame(9, 0, 3))
    if CASE == "rapid_reset":
        encoder = __import__("hpack").Encoder()
        fields = [(":method", "GET"), (":path", "/events?rooms=reset"), (":scheme", "http"), (":authority", "localhost")]
        return flood(lambda i: frame(1, 5, 2 * i + 3, encoder.encode(fields)) + frame(3, 0, 2 * i + 3, struct.pack(">I", 8)))
    if CASE == "made_resets":
        # The server resets them: HTTP/2 has no such field.
        encoder = __import__("hpack").Encoder()
        fields = [(":method", "GET"), (":path", "/health"), (":scheme", "http"), (":authority", "localhost"), ("connection", "close")]
        return flood(lambda i: frame(1, 5, 2 * i + 3, encoder.encode(fields)), in_step=True)
    if CASE == "header_bomb":
        # One entry of the table, named again and again: a byte makes four thousand.
        encoder = __import__("hpack").Encoder()
        block = encoder.encode([*HEADERS, ("x-bomb", "b" * 3900)]) + b"\xbe" * 12000
        peer = Peer()
        peer.send(frame(1, 5, 1, block))
        peer.to_the_end()
        return peer.report()
    if CASE == "large_headers":
        peer = Peer()
        peer.get(1, "/health", [(f"x-{i}", "v" * 1000) for i in range(40)])
        peer.read(lambda: 1 in peer.ended or 1 in peer.resets)
        peer.get(3, "/health")
        peer.read(lambda: 3 in peer.ended)
        return peer.report()
    if CASE == "line_breaks":
        peer = Peer()
        peer.get(1, "/health", [("x-smuggled", "a\r\nhost: evil")])
        peer.read(lambda: 1 in peer.resets)
        return peer.report()
    if CASE == "not_http2":
        peer = socket.create_connection(("127.0.0.1", PORT))
        peer.settimeout(WAIT_S)
        peer.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"this is no frame at all, whatever it may look like")
        data = b""
        try:
            while got := peer.recv(65536):
                data += got
        except OSError:
            pass
        print(json.dumps({"closed": True, "bytes": len(data)}))
        return None
    if CASE == "byte_by_byte":
        peer = Peer.__new__(Peer)
        peer.socket = socket.create_connection(("127.0.0.1", PORT))
        peer.socket.settimeout(WAIT_S)
        peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        peer.h2.initiate_connection()
        peer.h2.send_headers(1, HEADERS, end_stream=True)
        for byte in peer.h2.data_to_send():
            peer.socket.sendall(bytes([byte]))
        peer.status, peer.data, peer.data_frames, peer.resets = {}, {}, {}, {}
        peer.ended, peer.goaway, peer.closed, peer.credit = set(), None, False, True
        peer.read(lambda: 1 in peer.ended)
        return peer.report()
    if CASE == "one_byte_windows":
        # Each byte of an answer would be a frame.
        peer = Peer({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        peer.credit = False
        peer.get(1, "/metrics")
        peer.read(lambda: 1 in peer.status)
        for _ in range(3000):
            peer.h2.increment_flow_control_window(1, 1)
            peer.flush()
        # What has been granted by then is used in few frames.
        peer.read(lambda: len(peer.data.get(1, b"")) >= 3000)
        return peer.report(frames=peer.data_frames[1], bytes=len(peer.data[1]))
    if CASE == "no_windows":
        # Streams of messages that are not read, until the server has had enough of each.
        peer = Peer({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        peer.credit = False
        peer.get(1, "/events?rooms=" + sys.argv[3])
        peer.read(lambda: 1 in peer.status)
        print(json.dumps({"open": True}), flush=True)
        peer.read(lambda: 1 in peer.resets)
        peer.get(3, "/health")
        peer.read(lambda: 3 in peer.status)
        return peer.report()
    if CASE == "too_many_streams":
        peer = Peer()
        peer.read(lambda: peer.h2.remote_settings.max_concurrent_streams < 1000)
        most = peer.h2.remote_settings.max_concurrent_streams
        encoder = peer.h2.encoder  # the library itself would not send the last
        for i in range(most + 1):
            fields = [(":method", "GET"), (":path", "/events?rooms=many"), (":scheme", "http"), (":authority", "localhost")]
            peer.send(frame(1, 5, 2 * i + 1, encoder.encode(fields)))
        goaway, raw = None, b""
        while got := peer.socket.recv(65536):
            raw += got
            while len(raw) >= 9 and len(raw) >= 9 + int.from_bytes(raw[:3], "big"):
                length = int.from_bytes(raw[:3], "big")
                if raw[3] == 7:
                    goaway = int.from_bytes(raw[13:17], "big")
                raw = raw[9 + length :]
        print(json.dumps({"most": most, "goaway": goaway}))
        return None
    raise SystemExit(f"no such case: {CASE}")


main()
