"""Starts the published orchestrator `avtomatika` 1.0b12 for the end-to-end tests.

The package is used as it is. Its own settings come from its own environment variables
(`GLOBAL_WORKER_TOKEN`, `WORKER_POLL_TIMEOUT_SECONDS`, `JOB_MAX_RETRIES`, rate limits, ...);
the arguments say only where to listen and where to keep things. Blueprints are registered here,
and a few `/debug/` routes read from the storage what the package stores but does not show.

    python tests/real/orchestrator.py --port 8080 --storage memory --history /tmp/history.db
"""

import argparse
import asyncio
import itertools
import logging
import os
import sqlite3
from contextlib import closing, suppress

from aiohttp import web
from orjson import dumps, loads

from avtomatika import OrchestratorEngine, StateMachineBlueprint
from avtomatika.config import Config
from avtomatika.storage import MemoryStorage

API_VERSION = "v1"
# Every dispatch names a timeout: without one, 1.0b12 answers a transient failure with 500
# and leaves the job waiting for ever.
STEP_TIMEOUT_SECONDS = 240


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True, help="port to listen on, on 127.0.0.1")
    parser.add_argument("--storage", default="memory", help="memory, or redis://127.0.0.1:PORT")
    parser.add_argument("--history", default="", help="file of the event history; none without it")
    parser.add_argument("--client-token", default="test-client-token")
    return parser.parse_args()


def open_storage(where: str):
    if where == "memory":
        return MemoryStorage()
    from avtomatika.storage.redis import RedisStorage
    from redis.asyncio import from_url

    return RedisStorage(from_url(where))


class Steps:
    """What the blueprints share."""

    def __init__(self, storage):
        self._storage = storage
        self._turn = itertools.count()
        self._until: dict[tuple[str, str], float] = {}
        self._waiters: set[asyncio.Task] = set()

    def priority(self) -> float:
        """First come, first served, and never two alike: the memory storage of 1.0b12 cannot
        compare two tasks of one priority and quarantines the second job."""
        return -float(next(self._turn))

    async def is_offered(self, context, task: str, seconds: float = 10) -> bool:
        """Whether an idle worker offers the task. If none does, the handler must return without
        an action, and its job comes back when one does, or after `seconds`, to fail then.

        1.0b12 does not queue a job that nobody can take at this instant: it spends its retries
        within milliseconds and gives up. The handler itself must not wait: the memory storage
        gives every job the same message id, and the executor drops a job that it takes from the
        queue while the handler of another one is suspended."""
        if await self._storage.find_workers_for_task(task):
            return True
        now = asyncio.get_running_loop().time()
        until = self._until.setdefault((context.job_id, task), now + seconds)
        if now >= until:
            return True
        waiter = asyncio.create_task(self._put_back(context.job_id, task, until))
        self._waiters.add(waiter)
        waiter.add_done_callback(self._waiters.discard)
        return False

    async def _put_back(self, job: str, task: str, until: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < until and not await self._storage.find_workers_for_task(task):
            await asyncio.sleep(0.02)
        await self._storage.enqueue_job(job)


def single(steps: Steps) -> StateMachineBlueprint:
    """One task, named by the job: `{task, params, timeout?, wait?, requirements?}`.
    `needs_review` is a status with a transition of its own; every other custom status has none."""
    blueprint = StateMachineBlueprint("single", api_endpoint="/jobs/single", api_version=API_VERSION)

    @blueprint.handler_for("start", is_start=True)
    async def start(context, actions):
        job = context.initial_data
        if not await steps.is_offered(context, job["task"], job.get("wait", 10)):
            return
        actions.dispatch_task(
            task_type=job["task"],
            params=job.get("params", {}),
            transitions={"success": "finished", "failure": "failed", "needs_review": "review"},
            timeout_seconds=job.get("timeout", STEP_TIMEOUT_SECONDS),
            resource_requirements=job.get("requirements"),
            priority=steps.priority(),
        )

    @blueprint.handler_for("review")
    async def review(context, actions):
        actions.transition_to("finished")

    add_ends(blueprint)
    return blueprint


def pipeline(steps: Steps) -> StateMachineBlueprint:
    """Two steps: `echo` hands two numbers on, `add` sums what the first step left."""
    blueprint = StateMachineBlueprint("pipeline", api_endpoint="/jobs/pipeline", api_version=API_VERSION)

    @blueprint.handler_for("start", is_start=True)
    async def start(context, actions):
        if not await steps.is_offered(context, "echo"):
            return
        actions.dispatch_task(
            task_type="echo",
            params=context.initial_data,
            transitions={"success": "adding", "failure": "failed"},
            timeout_seconds=STEP_TIMEOUT_SECONDS,
            priority=steps.priority(),
        )

    @blueprint.handler_for("adding")
    async def adding(context, actions):
        left = context.state_history
        if not await steps.is_offered(context, "add"):
            return
        actions.dispatch_task(
            task_type="add",
            params={"a": left["a"], "b": left["b"]},
            transitions={"success": "finished", "failure": "failed"},
            timeout_seconds=STEP_TIMEOUT_SECONDS,
            priority=steps.priority(),
        )

    add_ends(blueprint)
    return blueprint


def relay(steps: Steps) -> StateMachineBlueprint:
    """`file_upper` on `{input}`, then again on what the first one left."""
    blueprint = StateMachineBlueprint("relay", api_endpoint="/jobs/relay", api_version=API_VERSION)

    @blueprint.handler_for("start", is_start=True)
    async def start(context, actions):
        if not await steps.is_offered(context, "file_upper"):
            return
        actions.dispatch_task(
            task_type="file_upper",
            params=context.initial_data,
            transitions={"success": "again", "failure": "failed"},
            timeout_seconds=STEP_TIMEOUT_SECONDS,
            priority=steps.priority(),
        )

    @blueprint.handler_for("again")
    async def again(context, actions):
        left = context.state_history
        if not await steps.is_offered(context, "file_upper"):
            return
        actions.dispatch_task(
            task_type="file_upper",
            params={"input": left["output"]},
            transitions={"success": "finished", "failure": "failed"},
            timeout_seconds=STEP_TIMEOUT_SECONDS,
            priority=steps.priority(),
        )

    add_ends(blueprint)
    return blueprint


def fan_out(steps: Steps) -> StateMachineBlueprint:
    """The same task many times at once: `{task, branches: [params, ...]}`. The results stay in
    the job record under `aggregation_results`."""
    blueprint = StateMachineBlueprint("fan_out", api_endpoint="/jobs/fan_out", api_version=API_VERSION)

    @blueprint.handler_for("start", is_start=True)
    async def start(context, actions):
        job = context.initial_data
        if not await steps.is_offered(context, job["task"]):
            return
        branches = [
            {
                "type": job["task"],
                "params": params,
                "timeout_seconds": STEP_TIMEOUT_SECONDS,
                "priority": steps.priority(),
            }
            for params in job["branches"]
        ]
        actions.dispatch_parallel(branches, aggregate_into="gather")

    @blueprint.aggregator_for("gather")
    async def gather(context, actions):
        actions.transition_to("finished")

    @blueprint.handler_for("finished", is_end=True)
    async def finished():
        pass

    return blueprint


def add_ends(blueprint: StateMachineBlueprint) -> None:
    @blueprint.handler_for("finished", is_end=True)
    async def finished():
        pass

    @blueprint.handler_for("failed", is_end=True)
    async def failed():
        pass


def add_debug_routes(engine: OrchestratorEngine, storage, history: str) -> None:
    """What 1.0b12 stores but has no working route for. Its `/jobs/{id}/history` is never
    registered, as routes are made before the history is opened, and its worker history asks the
    table of the jobs."""

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
    for make in (single, pipeline, relay, fan_out):
        engine.register_blueprint(make(steps))
    add_debug_routes(engine, storage, options.history)
    await engine.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
