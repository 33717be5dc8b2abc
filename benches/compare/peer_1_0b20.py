"""The worker of avtomatika-worker 1.0b20, set up as its README says."""

import peer_common

peer_common.set_up()

from avtomatika_worker import Worker  # noqa: E402: reads the environment

worker = Worker(worker_type="bench")
for name, handler in peer_common.HANDLERS.items():
    worker.skill(name)(handler)
worker.run()
