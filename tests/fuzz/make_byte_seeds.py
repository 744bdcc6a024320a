#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the kept seeds of the byte-level targets (http_*, websocket*, deflate) into corpus/; run in this folder.

A seed of these targets begins with four bytes that say how the input is cut, some with a byte of choices after them.
"""
import os
import struct
import zlib

CUTS = b"\x00\x07\x02\x1f"


def write(target, name, data):
    os.makedirs(f"corpus/{target}", exist_ok=True)
    with open(f"corpus/{target}/{name}", "wb") as file:
        file.write(data)


def request(line, *fields, body=b""):
    return line.encode() + b"\r\n" + b"".join(f.encode() + b"\r\n" for f in fields) + b"\r\n" + body


HOST = "Host: a"
requests = {
    "pipelined": request("GET /events?rooms=a HTTP/1.1", HOST)
    + request("POST /messages HTTP/1.1", HOST, "Content-Length: 5", body=b"hello")
    + b"\r\n" + request("GET / HTTP/1.0"),
    "chunked": request("POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked", "Expect: 100-continue",
                       body=b"5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nT: 1\r\n\r\n") + request("GET /next HTTP/1.1", HOST),
    "upgrade": request("GET /ws HTTP/1.1", HOST, "Connection: keep-alive, Upgrade", "Upgrade: websocket",
                       "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                       "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"),
    "absolute": request("GET http://[::1]:80/a?b HTTP/1.1", "Host: [::1]:80", "Connection: close"),
    "smuggle_lengths": request("POST / HTTP/1.1", HOST, "Content-Length: 3", "Transfer-Encoding: chunked",
                               body=b"0\r\n\r\nGET /x HTTP/1.1\r\n\r\n"),
    "smuggle_return": request("POST / HTTP/1.1", HOST, "X: y\rTransfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "smuggle_fold": request("POST / HTTP/1.1", HOST, "Content-Length: 1", " 0", body=b"x" * 10),
    "smuggle_extension": request("POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked",
                                 body=b"2;\nxx\r\n4\r\n0\r\n\r\n"),
}
for name, data in requests.items():
    write("http_request", name, CUTS + data)

responses = {
    "sized": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 204 No Content\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\nHTTP/1.0 404 \r\n\r\nx",
    "upgrade": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
               b"Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
               b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n\r\n\x81\x01x",
}
for name, data in responses.items():
    write("http_response", name, CUTS + b"\x00" + data)
write("http_response", "to_head", CUTS + b"\x01" + responses["sized"])


def frame(opcode, payload, fin=True, rsv1=False, mask=b"\xa1\x02\x5c\xff"):
    head = bytes([(0x80 if fin else 0) | (0x40 if rsv1 else 0) | opcode])
    bit = 0x80 if mask else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
    if mask:
        payload = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
        head += mask
    return head + payload


def packed(data):
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def conversation(mask):
    def f(*args, **kwargs):
        return frame(*args, mask=mask, **kwargs)

    return (f(1, b"Hello") + f(1, "h\u20ac".encode(), fin=False) + f(9, b"ping") + f(0, b"\xf0\x9f", fin=False)
            + f(0, b"\x8e\x89") + f(2, bytes(range(200))) + f(10, b"") + f(8, b"\x03\xe8bye") + f(1, b"late"))


SERVER, CLIENT = b"\x00", b"\x01"
for target in ("websocket", "websocket_wslay"):
    write(target, "server", CUTS + SERVER + conversation(b"\xa1\x02\x5c\xff"))
    write(target, "client", CUTS + CLIENT + conversation(b""))
    write(target, "bad_utf8", CUTS + SERVER + frame(1, b"ab", fin=False) + frame(9, b"") + frame(0, b"\xed\xa0\x80"))
    write(target, "bad_close", CUTS + SERVER + frame(8, b"\x03\xee"))
    write(target, "long_length", CUTS + SERVER + b"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00abcdxyz")
    write(target, "not_shortest", CUTS + SERVER + b"\x82\xfe\x00\x05abcdhello")
write("websocket", "deflate", CUTS + b"\x02" + frame(1, packed(b"Hello"), rsv1=True) + frame(1, b"plain")
      + frame(2, packed(b"x" * 3000)[:4], fin=False, rsv1=True) + frame(9, b"p") + frame(0, packed(b"x" * 3000)[4:]))
write("websocket", "bomb", CUTS + b"\x06" + frame(1, packed(b"b" * 4000), rsv1=True))
write("websocket", "small_limit", CUTS + b"\x04" + frame(1, b"a" * 100) + frame(1, b"a" * 60, fin=False)
      + frame(0, b"a" * 41))

write("deflate", "text", b"\x05a message of some words, of some words, of some words")
write("deflate", "packed", b"\x00" + packed(b"a message of some words, of some words"))
write("deflate", "final_block", b"\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00")
write("deflate", "two_blocks", b"\x00\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")
write("deflate", "bomb", b"\x00" + packed(b"b" * 20000))

PROXY2 = b"\r\n\r\n\x00\r\nQUIT\n"
INET = bytes([192, 0, 2, 7, 198, 51, 100, 1]) + struct.pack(">HH", 4711, 80)
write("proxy_header", "v1", CUTS + b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\nGET / HTTP/1.1\r\n")
write("proxy_header", "v1_inet6", CUTS + b"PROXY TCP6 2001:db8::9 ::1 4711 80\r\n")
write("proxy_header", "v1_unknown", CUTS + b"PROXY UNKNOWN\r\n")
write("proxy_header", "v2", CUTS + PROXY2 + b"\x21\x11" + struct.pack(">H", 19) + INET + b"\x03\x00\x04abcd" + b"GET /")
write("proxy_header", "v2_inet6", CUTS + PROXY2 + b"\x21\x21" + struct.pack(">H", 36) + bytes(range(36)) + b"GET /")
write("proxy_header", "v2_local", CUTS + PROXY2 + b"\x20\x00\x00\x00" + b"GET /")
write("proxy_header", "v2_short", CUTS + PROXY2 + b"\x21\x21\x00\x0c" + INET)
