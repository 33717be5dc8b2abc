"""The worker of the published SDK, with the queues that our conformance worker answers.

Run with: URL PROVISIONER TOKEN [WORKER_ID]
"""

import asyncio
import sys

from distworker import Worker
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message


def plain(value):
    """The SDK leaves nested values as protobuf objects; its own matcher of results does not take them."""
    return MessageToDict(value) if isinstance(value, Message) else value


async def handle(req):
    task = req.task
    values = {key: plain(value) for key, value in task.input_data.items()}
    if task.queue == "math.add":
        return {"sum": values["a"] + values["b"]}
    if task.queue == "slow.sleep":
        for part in range(4):
            await asyncio.sleep(values["seconds"] / 4)
            req.progress((part + 1) * 25.0, f"part {part + 1} of 4", {"part": part + 1})
        return {"slept": values["seconds"]}
    if task.queue == "fail.now":
        raise ValueError(values.get("message", "told to fail"))
    if task.queue.startswith("files."):
        return {"queue": task.queue, "files": [file["filename"] for file in task.files]}
    return values


async def main():
    url, provisioner, token, *rest = sys.argv[1:]
    worker = Worker(
        controller_url=url,
        provisioner=provisioner,
        worker_id=rest[0] if rest else "",
        worker_token=token,
        reconnect_interval=0.2,
    )
    worker.task_handler = handle
    await worker.run()


asyncio.run(main())
