"""What the releases of the orchestrator call by different names."""

from importlib.metadata import version

import avtomatika

RELEASE = version("avtomatika")
OLD = RELEASE == "1.0b12"

Blueprint = avtomatika.StateMachineBlueprint if OLD else avtomatika.Blueprint


def state(blueprint, name: str, **kinds):
    """Decorates the handler of a state; `is_start` and `is_end` are its kinds."""
    return (blueprint.handler_for if OLD else blueprint.handler)(name, **kinds)


def aggregator(blueprint, name: str):
    """Decorates the handler that gathers the results of branches."""
    return (blueprint.aggregator_for if OLD else blueprint.aggregator)(name)


async def idle_workers(storage, task: str) -> list:
    """Workers that would get the task at this instant."""
    return await (storage.find_workers_for_task if OLD else storage.find_workers_for_skill)(task)
