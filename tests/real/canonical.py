"""Random numbers and messages with their canonical form, by the published `rxon`.

Prints one JSON array `[text, canonical]` a line; `canonical` is null for what rxon refuses.
"""

import json
import random
import struct
import sys

import orjson
from rxon import utils


def canonical(text: str) -> str | None:
    try:
        value = utils.to_dict(orjson.loads(text))
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except (TypeError, ValueError, RecursionError):
        return None


def double(rng: random.Random) -> float:
    while True:
        value = struct.unpack("<d", rng.randbytes(8))[0]
        if value - value == 0.0:
            return value


def numbers(rng: random.Random):
    """One number of each kind, as text."""
    single = struct.unpack("<f", struct.pack("<f", rng.uniform(0, 100)))[0]
    for value in (
        double(rng),
        single,
        struct.unpack("<f", struct.pack("<f", rng.gauss(0, 1)))[0],
        rng.random(),
        rng.uniform(-1e6, 1e6),
        rng.uniform(-1, 1) * 10 ** rng.randint(-30, 20),
        rng.randint(0, 2**41) + rng.randint(0, 10**6) / 1e6,
        1.7e9 + rng.random() * 1e8,
        (1.7e9 + rng.random() * 1e8) * 1e6,
        float(rng.randint(-(2**53), 2**53)),
        rng.randint(-(2**53), 2**53) / 2 ** rng.randint(0, 60),
    ):
        yield repr(value)
        yield f"{value:.25e}"
    yield str(rng.randint(-(2**63), 2**64 - 1))
    yield str(rng.randint(-(2**70), 2**70))
    yield f"{rng.randint(1, 99)}e{rng.randint(-330, 310)}"


def main() -> None:
    rounds, seed = int(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(seed)
    for _ in range(rounds):
        for number in numbers(rng):
            print(json.dumps([number, canonical(number)]))
        items = ",".join(list(numbers(rng))[:8])
        message = f'{{"z":[{items}],"a":{{"n":null,"f":{next(iter(numbers(rng)))}}}}}'
        print(json.dumps([message, canonical(message)]))


main()
