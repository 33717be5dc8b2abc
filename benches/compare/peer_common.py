"""What the workers of both SDKs have in common: how they are told what to do, and what
their tasks do. The same tasks are in benches/shared/worker.rs."""

import asyncio
import json
import os
import sys
import threading
import time


def set_up():
    """Puts what the bench says into the environment, which the SDKs read when imported."""
    setup = json.loads(sys.argv[1])
    environment = {
        "WORKER_ID": "bench",
        "ORCHESTRATOR_URL": f"http://{setup['address']}",
        "WORKER_TOKEN": setup["token"],
        "MAX_CONCURRENT_TASKS": str(setup["slots"]),
        "WORKER_ENABLE_WEBSOCKETS": "true" if setup["commands"] else "false",
        "LOG_LEVEL": "WARNING",
    }
    if setup["eager"]:
        environment["IDLE_POLL_DELAY"] = "0"
    if setup["beats"]:
        interval, cooldown = setup["beats"]
        environment["HEARTBEAT_INTERVAL"] = str(interval)
        environment["WORKER_HEARTBEAT_COOLDOWN"] = str(cooldown)
    os.environ.update(environment)
    threading.Thread(target=_end_when_orphaned, daemon=True).start()


def _end_when_orphaned():
    sys.stdin.read()
    os._exit(0)


async def noop(params: dict, **kwargs):
    return {"status": "success", "data": {}}


async def rows(params: dict, **kwargs):
    return {"status": "success", "data": {"rows": len(params["rows"])}}


async def sleep(params: dict, **kwargs):
    await asyncio.sleep(params["seconds"])
    return {"status": "success", "data": {}}


def spin(params: dict, **kwargs):
    """A plain function: the SDKs run it on a thread of its own, as they advise."""
    end = time.monotonic() + params["seconds"]
    while time.monotonic() < end:
        pass
    return {"status": "success", "data": {}}


async def block(params: dict, **kwargs):
    """Behaves badly."""
    time.sleep(params["seconds"])
    return {"status": "success", "data": {}}


HANDLERS = {"noop": noop, "rows": rows, "sleep": sleep, "spin": spin, "block": block}
