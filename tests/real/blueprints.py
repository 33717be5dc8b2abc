"""The jobs that the end-to-end tests hand in."""

import asyncio
import itertools

from release import OLD, Blueprint, aggregator, idle_workers, state

API_VERSION = "v1"
# Every dispatch names a timeout: without one, 1.0b12 answers a transient failure with 500
# and leaves the job waiting for ever.
STEP_TIMEOUT_SECONDS = 240


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

        No release queues a job that nobody can take at this instant: it spends its retries
        within milliseconds and gives up. The handler itself must not wait: the memory storage
        gives every job the same message id, and the executor drops a job that it takes from the
        queue while the handler of another one is suspended."""
        if await idle_workers(self._storage, task):
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
        while loop.time() < until and not await idle_workers(self._storage, task):
            await asyncio.sleep(0.02)
        await self._storage.enqueue_job(job)


def single(steps: Steps) -> Blueprint:
    """One task, named by the job: `{task, params, timeout?, wait?, requirements?, dispatch?}`;
    `dispatch` are more arguments of the release's own `dispatch_task`.
    `needs_review` is a status with a transition of its own; every other custom status has none."""
    blueprint = Blueprint("single", api_endpoint="/jobs/single", api_version=API_VERSION)

    @state(blueprint, "start", is_start=True)
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
            **job.get("dispatch", {}),
        )

    @state(blueprint, "review")
    async def review(context, actions):
        actions.transition_to("finished") if OLD else actions.go_to("finished")

    add_ends(blueprint)
    return blueprint


def pipeline(steps: Steps) -> Blueprint:
    """Two steps: `echo` hands two numbers on, `add` sums what the first step left."""
    blueprint = Blueprint("pipeline", api_endpoint="/jobs/pipeline", api_version=API_VERSION)

    @state(blueprint, "start", is_start=True)
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

    @state(blueprint, "adding")
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


def relay(steps: Steps) -> Blueprint:
    """`file_upper` on `{input}`, then again on what the first one left."""
    blueprint = Blueprint("relay", api_endpoint="/jobs/relay", api_version=API_VERSION)

    @state(blueprint, "start", is_start=True)
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

    @state(blueprint, "again")
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


def fan_out(steps: Steps) -> Blueprint:
    """The same task many times at once: `{task, branches: [params, ...]}`. The results stay in
    the job record under `aggregation_results`."""
    blueprint = Blueprint("fan_out", api_endpoint="/jobs/fan_out", api_version=API_VERSION)

    @state(blueprint, "start", is_start=True)
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

    @aggregator(blueprint, "gather")
    async def gather(context, actions):
        actions.transition_to("finished") if OLD else actions.go_to("finished")

    @state(blueprint, "finished", is_end=True)
    async def finished():
        pass

    return blueprint


def add_ends(blueprint: Blueprint) -> None:
    @state(blueprint, "finished", is_end=True)
    async def finished():
        pass

    @state(blueprint, "failed", is_end=True)
    async def failed():
        pass


BLUEPRINTS = (single, pipeline, relay, fan_out)
