"""Starts the published orchestrator `avtomatika`, 1.0b12 or 1.0b30, for the end-to-end tests.

Which one is up to the Python that runs this; what differs between the two is in `release.py`.

The package is used as it is. Its own settings come from its own environment variables
(`GLOBAL_WORKER_TOKEN`, `WORKER_POLL_TIMEOUT_SECONDS`, `JOB_MAX_RETRIES`, rate limits, ...);
the arguments say only where to listen and where to keep things. Blueprints are registered here,
and a few `/debug/` routes read from the storage what the package stores but does not show.

    python tests/real/orchestrator.py --port 8080 --storage memory --history /tmp/history.db
"""

import argparse
import asyncio
import logging
import os
import sqlite3
from contextlib import closing, suppress

from aiohttp import web
from avtomatika import OrchestratorEngine
from avtomatika.config import Config
from avtomatika.storage import MemoryStorage
from blueprints import BLUEPRINTS, Steps
from orjson import dumps, loads
from release import OLD


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True, help="port to listen on, on 127.0.0.1")
    parser.add_argument("--storage", default="memory", help="memory, or redis://127.0.0.1:PORT")
    parser.add_argument("--history", default="", help="file of the event history; none without it")
    parser.add_argument("--client-token", default="test-client-token")
    parser.add_argument("--plain-port", type=int, default=0, help="1.0b30: a door without TLS")
    parser.add_argument("--meddle", action="store_true", help="1.0b30: jobs may ask for meddling")
    return parser.parse_args()


def open_storage(where: str):
    if where == "memory":
        return MemoryStorage()
    from avtomatika.storage.redis import RedisStorage
    from redis.asyncio import from_url

    # redis-py 8 ends any wait after five seconds, which 1.0b30 does not expect: its polls are
    # cut short, and its executor takes longer and longer breaks.
    return RedisStorage(from_url(where, socket_timeout=None))


def add_debug_routes(engine: OrchestratorEngine, storage, history: str, client: dict) -> None:
    """What the package stores but has no working route for. In 1.0b12 `/jobs/{id}/history` is
    never registered, as routes are made before the history is opened; in both releases the
    worker history asks the table of the jobs."""

    def rows(query: str, key: str) -> list[dict]:
        # The file appears with the first event.
        with closing(sqlite3.connect(f"file:{history}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(query, (key,))]

    def answer(data) -> web.Response:
        return web.Response(body=dumps(data), content_type="application/json")

    def unpacked(found: list[dict], snapshot: str) -> list[dict]:
        for row in found:
            with suppress(TypeError, ValueError):
                row[snapshot] = loads(row[snapshot])
        return found

    async def job_events(request: web.Request) -> web.Response:
        query = "SELECT * FROM job_history WHERE job_id = ? ORDER BY timestamp, rowid"
        return answer(unpacked(rows(query, request.match_info["job"]), "context_snapshot"))

    async def worker_events(request: web.Request) -> web.Response:
        query = "SELECT * FROM worker_history WHERE worker_id = ? ORDER BY timestamp, rowid"
        # Not `{worker_id}`: the rate limits count by that name.
        return answer(unpacked(rows(query, request.match_info["worker"]), "worker_info_snapshot"))

    async def worker_record(request: web.Request) -> web.Response:
        return answer(await storage.get_worker_info(request.match_info["worker"]))

    async def new_job(request: web.Request) -> web.Response:
        job = await request.json()
        job_id = await engine.create_background_job("single", **job)
        if not OLD:
            # Clients of 1.0b30 see their own jobs only.
            await storage.update_job_state(job_id, {"client_config": client})
        return answer({"job_id": job_id})

    app = engine.app
    app.router.add_post("/debug/jobs", new_job)
    app.router.add_get("/debug/jobs/{job}/events", job_events)
    app.router.add_get("/debug/workers/{worker}/events", worker_events)
    app.router.add_get("/debug/workers/{worker}", worker_record)


async def main() -> None:
    options = arguments()
    os.environ["API_HOST"] = "127.0.0.1"
    os.environ["API_PORT"] = str(options.port)
    if options.history:
        os.environ["HISTORY_DATABASE_URI"] = f"sqlite:{os.path.abspath(options.history)}"

    storage = open_storage(options.storage)
    client = {"token": options.client_token, "plan": "tests", "params": {}}
    await storage.save_client_config(options.client_token, client)
    await storage.initialize_client_quota(options.client_token, 1_000_000)

    # The package turns on the debug output of every library.
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)
    engine = OrchestratorEngine(storage, Config())
    steps = Steps(storage)
    for make in BLUEPRINTS:
        engine.register_blueprint(make(steps))
    add_debug_routes(engine, storage, options.history, client)
    if not OLD:
        from meddling import meddle
        from recording import record_messages

        record_messages(engine)
        if options.meddle:
            meddle(storage, engine.config.ORCHESTRATOR_SECRET_KEY)
    await engine.start()
    if options.plain_port:
        await web.TCPSite(engine.runner, "127.0.0.1", options.plain_port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
