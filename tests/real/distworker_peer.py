"""A controller at the level of envelopes, made of the published SDK's protobuf module and signatures.

It takes one worker, assigns what comes as lines of JSON on standard input, and prints all that
the worker says as lines of JSON. Nothing of it knows our code.

Input lines: {"assign": {...TaskAssign...}}, {"close": CODE}, {"raw": HEX}.
Output lines: {"port": N}, {"registered": {...}}, {"said": {...}}, {"closed": CODE}.
"""

import asyncio
import hmac
import json
import sys

import websockets
from distworker.client.auth import generate_websocket_signature
from distworker.protocol import protocol_pb2 as pb
from google.protobuf.json_format import MessageToDict, ParseDict

TOKEN = "demo-token-123"
PROVISIONER = "example"


def tell(**what):
    print(json.dumps(what), flush=True)


def has_unknown(message):
    """Whether there are fields that the package does not know."""
    known = type(message)()
    known.CopyFrom(message)
    known.DiscardUnknownFields()
    return known.ByteSize() != message.ByteSize()


def told(message):
    return MessageToDict(message, preserving_proto_field_name=True)


async def serve(socket, lines):
    first = pb.WebSocketMessage()
    first.ParseFromString(await socket.recv())
    assert first.type == pb.MESSAGE_TYPE_WORKER_REGISTER, first.type
    signed = pb.SignedWorkerRegister()
    signed.ParseFromString(first.worker_register.data)
    expected = generate_websocket_signature(TOKEN, signed.date[:8], first.worker_register.data)
    assert hmac.compare_digest(expected, first.worker_register.signature), "signature"
    assert signed.provisioner_name == PROVISIONER, signed.provisioner_name
    assert not has_unknown(signed)
    answer = pb.WebSocketMessage(type=pb.MESSAGE_TYPE_WORKER_REGISTER_RESPONSE)
    answer.worker_register_response.idle_time = 3600
    await socket.send(answer.SerializeToString())
    tell(registered=told(signed))

    async def listen():
        async for data in socket:
            message = pb.WebSocketMessage()
            message.ParseFromString(data)
            assert not has_unknown(message)
            tell(said=told(message))

    listening = asyncio.create_task(listen())
    while True:
        line = asyncio.create_task(lines.get())
        await asyncio.wait({line, listening}, return_when=asyncio.FIRST_COMPLETED)
        if not line.done():
            line.cancel()
            break
        order = line.result()
        if "assign" in order:
            message = pb.WebSocketMessage(type=pb.MESSAGE_TYPE_TASK_ASSIGN)
            ParseDict(order["assign"], message.task_assign)
            await socket.send(message.SerializeToString())
        elif "raw" in order:
            await socket.send(bytes.fromhex(order["raw"]))
        elif "close" in order:
            await socket.close(order["close"])
            break
    listening.cancel()
    tell(closed=socket.close_code)


async def main():
    lines = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read():
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, json.loads(line))
        loop.call_soon_threadsafe(loop.stop)

    async def accept(socket):
        await serve(socket, lines)

    async with websockets.serve(accept, "127.0.0.1", 0, ping_interval=3, compression=None) as server:
        tell(port=server.sockets[0].getsockname()[1])
        import threading

        threading.Thread(target=read, daemon=True).start()
        await asyncio.Future()


try:
    asyncio.run(main())
except RuntimeError:
    # The loop was stopped: whoever started this is gone.
    pass
