#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Calls of gRPC by python3-grpcio: grpc_client.py PORT GENERATED ROOM, where GENERATED has what protoc made of proto/.
Prints a line of JSON with what came of them."""
import json
import sys

import grpc

port, generated, room = sys.argv[1:]
sys.path.insert(0, generated)
from ringcast.v1 import ringcast_pb2 as pb  # noqa: E402

kService = "/ringcast.v1.Ringcast/"
channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.max_receive_message_length", 16 << 20)])


def call(method, message, answer, **more):
    ask = channel.unary_unary(kService + method, type(message).SerializeToString, answer.FromString)
    return ask(message, timeout=60, **more)


sent = [call("Publish", pb.PublishRequest(room=room, content=f"{i} " + "z" * 20000), pb.PublishResult) for i in range(20)]
history = call("History", pb.HistoryRequest(room=room, limit=100), pb.HistoryResponse)
asked = [channel.unary_unary(kService + "Stats", pb.StatsRequest.SerializeToString, pb.StatsResponse.FromString).future(
    pb.StatsRequest(), timeout=60) for _ in range(50)]
versions = {future.result().version for future in asked}
try:
    call("Publish", pb.PublishRequest(room="a,b", content="x"), pb.PublishResult)
    refused = None
except grpc.RpcError as error:
    refused = [error.code().name, dict(error.initial_metadata() or ()).get("ringcast-error")
               or dict(error.trailing_metadata() or ()).get("ringcast-error")]
try:
    call("Stats", pb.StatsRequest(), pb.StatsResponse, compression=grpc.Compression.Gzip)
    compressed = None
except grpc.RpcError as error:
    compressed = error.code().name
print(json.dumps({
    "sent": all(result.status == "sent" for result in sent),
    "history": [len(message.content) for message in history.messages],
    "versions": len(versions),
    "refused": refused,
    "compressed": compressed,
}))
