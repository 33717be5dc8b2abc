"""Changes tasks between the signature and the worker, as somebody on the way would."""

from rxon.security import sign_payload

IGNORED = ["sig", "orchestrator_signature"]


class Meddler:
    """A middleware of 1.0b30. A job says in its data what is to happen to its task:

    * `{"change": {name: value}}`: members are changed, the signature stays
    * `{"resign": {name: value}}`: members are changed and signed anew, with the right key
    * `{"signature": text or null}`: another signature, or none
    """

    def __init__(self, storage, secret: str):
        self._storage = storage
        self._secret = secret

    async def process_outbound_task(self, _worker: str, task: dict) -> dict:
        job = await self._storage.get_job_state(task["job_id"])
        orders = (job.get("initial_data") or {}).get("meddle") or {}
        task = {**task, **orders.get("resign", {})}
        if "resign" in orders:
            task["sig"] = sign_payload(task, self._secret, ignore_fields=IGNORED)
        task = {**task, **orders.get("change", {})}
        if "signature" in orders:
            task["sig"] = orders["signature"]
        return {name: value for name, value in task.items() if value is not None}

    async def process_handler_request(self, _context, params):
        return params

    async def process_handler_response(self, _context, result):
        return result

    async def process_inbound_result(self, _context, result):
        return result

    async def process_inbound_event(self, _context, event):
        return event
