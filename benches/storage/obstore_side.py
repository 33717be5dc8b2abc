"""The side of obstore: the cases of cases.rs, with its own defaults and 16 at once."""

import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

import obstore
from obstore.store import S3Store

MIB = 1024 * 1024
AT_ONCE = 16


def memory(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    return float("nan")


def store(url, bucket):
    return S3Store(
        bucket,
        endpoint=url,
        region="us-east-1",
        access_key_id="test-access-key",
        secret_access_key="test-secret-key",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )


async def get(bench, key, to):
    answer = await obstore.get_async(bench, key)
    with open(to, "wb") as file:
        async for piece in answer.stream():
            file.write(piece)


async def small(work, names):
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(name):
        async with limit:
            await work(name)

    await asyncio.gather(*(one(name) for name in names))


async def case(name, bench, void, folder):
    got = folder / "got"
    shutil.rmtree(got, ignore_errors=True)
    got.mkdir()
    began = time.perf_counter()
    if name == "get":
        await get(bench, "large", got / "large")
    elif name == "get-huge":
        await get(bench, "huge", got / "huge")
    elif name == "put":
        await obstore.put_async(bench, "put/large", folder / "large")
    elif name == "put-huge":
        await obstore.put_async(void, "huge", folder / "huge")
    elif name == "get-small":

        async def fetch(key):
            answer = await obstore.get_async(bench, key)
            (got / Path(key).name).write_bytes(await answer.bytes_async())

        keys = []
        async for page in obstore.list(bench, prefix="small/"):
            keys += [entry["path"] for entry in page]
        await small(fetch, keys)
    elif name == "put-small":

        async def send(path):
            await obstore.put_async(bench, f"put/small/{path.name}", path)

        await small(send, sorted((folder / "small").iterdir()))
    took = time.perf_counter() - began
    if name == "get":
        assert (got / "large").stat().st_size == 256 * MIB
    if name == "get-small":
        assert len(list(got.iterdir())) == 1000
    return took


def main():
    url = sys.argv[1]
    bench, void = store(url, "bench"), store(url, "void")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open(folder / "large", "wb") as large, open(folder / "huge", "wb") as huge:
            piece = b"y" * MIB
            for i in range(1024):
                huge.write(piece)
                if i < 256:
                    large.write(piece)
        (folder / "small").mkdir()
        for i in range(1000):
            (folder / "small" / str(i)).write_bytes(b"y" * 16384)
        loop = asyncio.new_event_loop()
        loop.run_until_complete(case("get-small", bench, void, folder))
        print("ready", flush=True)
        for line in sys.stdin:
            idle = memory("VmRSS:")
            Path("/proc/self/clear_refs").write_text("5")
            took = loop.run_until_complete(case(line.strip(), bench, void, folder))
            print(took, memory("VmHWM:"), idle, flush=True)


main()
