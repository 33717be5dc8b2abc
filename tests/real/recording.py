"""Keeps the messages that workers sent to 1.0b30, as they came, each with what became of it.

Its own history has no raw messages, and cannot store the end of a task whose skill is known."""

import copy
from time import time

from aiohttp import web
from orjson import dumps

# Polls are many and say nothing.
LEFT_OUT = ("poll", "websocket", "websocket_auth")


def record_messages(engine) -> None:
    """Records from now on; `/debug/messages?kind=result` shows them in order."""
    messages: list[dict] = []
    handle = engine.handle_rxon_message

    async def recording(kind: str, payload, context: dict):
        if kind in LEFT_OUT:
            return await handle(kind, payload, context)
        # The package changes what it was given.
        message = {"kind": kind, "at": time(), "payload": copy.deepcopy(payload)}
        message["version"] = context.get("protocol_version")
        message["certificate"] = context.get("cert_identity")
        message["accepts"] = context["raw_request"].headers.get("Accept-Encoding")
        try:
            message["answer"] = answer = await handle(kind, payload, context)
            return answer
        except BaseException as error:
            message["error"] = str(error)
            raise
        finally:
            messages.append(message)

    async def shown(request: web.Request) -> web.Response:
        kind = request.query.get("kind")
        found = [it for it in messages if kind in (None, it["kind"])]
        return web.Response(body=dumps(found, default=str), content_type="application/json")

    # Events over a socket take a way of their own.
    engine.handle_rxon_message = recording
    engine.app.router.add_get("/debug/messages", shown)
