"""Changes tasks of 1.0b30 between the signature and the worker, as somebody on the way would."""

from rxon.security import sign_payload

IGNORED = ["sig", "orchestrator_signature"]


def meddle(storage, secret: str) -> None:
    """From now on a job can say in its data, under `meddle`, what is to happen to its task:

    * `{"change": {name: value}}`: members are changed, the signature stays
    * `{"resign": {name: value}}`: members are changed and signed anew, with the right key
    * `{"signature": text or null}`: another signature, or none

    The package has middlewares for tasks, but its dispatcher never comes to know of them.
    """
    enqueue = storage.enqueue_task_for_worker

    async def meddling(worker: str, task: dict, priority: float) -> None:
        job = await storage.get_job_state(task["job_id"])
        orders = (job.get("initial_data") or {}).get("meddle") or {}
        task = {**task, **orders.get("resign", {})}
        if "resign" in orders:
            task["sig"] = sign_payload(task, secret, ignore_fields=IGNORED)
        task = {**task, **orders.get("change", {})}
        if "signature" in orders:
            task["sig"] = orders["signature"]
        await enqueue(worker, task, priority)

    storage.enqueue_task_for_worker = meddling
