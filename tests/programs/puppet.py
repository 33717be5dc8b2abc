"""A program that does what its task says: `do` is the name of a function here.

`puppet.py` does one task and ends, `puppet.py pool` stays and does one after the other.
"""

import array
import fcntl
import json
import mmap
import os
import resource
import signal
import subprocess
import sys
import termios
import time

served = 0


def say(**message):
    print(json.dumps(message), flush=True)


def tell(params, value):
    """Leaves a value in a file for the test, whole or not at all."""
    with open(params["tell"] + ".part", "w") as file:
        json.dump(value, file)
    os.rename(params["tell"] + ".part", params["tell"])


# --- answers


def result(params):
    say(result=params.get("result"), status=params.get("status", "success"))


def last(params):
    """Answers and ends, when another task stands in its stdin that it does not read."""
    say(result={"pid": os.getpid()})
    unread = array.array("i", [0])
    while unread[0] == 0:
        time.sleep(0.01)
        fcntl.ioctl(0, termios.FIONREAD, unread)
    os._exit(0)


def error(params):
    say(error={"code": params["code"], "message": params["message"]})


def progress(params):
    say(progress=params.get("value", 0.25), message="a quarter")
    tell(params, "said")
    while not os.path.exists(params["until"]):
        time.sleep(0.01)
    say(result={"pid": os.getpid()})


def leave(params):
    """Ends with this exit code and this text on stderr, and without an answer."""
    print(params.get("text", ""), file=sys.stderr)
    sys.stdout.write(params.get("stdout", ""))
    sys.stdout.flush()
    os._exit(params["code"])


def surroundings(params):
    say(
        result={
            "environment": dict(os.environ),
            "folder": os.getcwd(),
            "files": os.listdir("."),
            "arguments": sys.argv[1:],
        }
    )


def write(params):
    path = os.path.join(os.environ["AXON_TASK_FOLDER"], "upper.txt")
    with open(params["input"]) as source, open(path, "w") as out:
        out.write(source.read().upper())
    say(result={"output": path})


def count(params):
    say(result={"served": served, "pid": os.getpid()})


def bulk(params):
    """A large result for large parameters."""
    say(result={"size": len(params["text"]), "text": params["text"][: 512 << 10]})


# --- staying


def sleep(params):
    tell(params, [os.getpid()])
    time.sleep(3600)


def last_words(params):
    """Answers when it is told to end."""

    def end(*_):
        say(result={"saved": True})
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    tell(params, [os.getpid()])
    while True:
        time.sleep(1)


def stubborn(params):
    """Ignores SIGTERM, and so does the process it starts."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sleep", "3600"])
    tell(params, [os.getpid(), child.pid])
    time.sleep(3600)


def orphan(params):
    """Ends, and leaves a process behind that has its stdout and stderr."""
    child = subprocess.Popen(["sleep", "3600"])
    tell(params, [child.pid])
    say(result={"left": True})
    os._exit(0)


def lock_up(params):
    """Leaves a folder behind in which nobody may write, and one that nobody may enter."""
    for name, mode in [("read-only", 0o555), ("closed", 0)]:
        os.makedirs(name + "/below")
        open(name + "/below/file", "w").close()
        os.symlink(params["outside"], name + "/link")
        os.chmod(name + "/below", mode)
        os.chmod(name, mode)
    say(result={"folder": os.getcwd()})


def linger(params):
    """Answers and does not end."""
    tell(params, [os.getpid()])
    say(result={})
    time.sleep(3600)


# --- trouble


def crash(params):
    print("about to crash", file=sys.stderr, flush=True)
    os.kill(os.getpid(), getattr(signal, params["signal"]))
    time.sleep(3600)


def endless_line(params):
    while True:
        os.write(1, b"x" * 65536)


def endless_lines(params):
    lines = b"some line or other\n" * 4096
    while True:
        os.write(1, lines)


def endless_stderr(params):
    for _ in range(2000):
        os.write(2, b"an error\n" * 4096)
    say(result={})


def raw(params):
    """Writes these bytes, given as text of which each character is one."""
    os.write(1, params["bytes"].encode("latin-1"))
    if "then" in params:
        globals()[params["then"]](params)


def lines(params):
    """Writes these lines, in pieces of time that nobody can tell apart."""
    for line in params["lines"]:
        print(line, flush=True)


def bomb(params):
    os.write(1, b'{"result":' + b"[" * 1000000 + b"]" * 1000000 + b"}\n")


def twice(params):
    os.write(1, b'{"result":{"n":1}}\n{"result":{"n":2}}\n')


def after(params):
    """Goes on after the answer."""
    say(result={"n": 1})
    print("bye")
    say(progress=0.5)


def deaf(params):
    """Closes stdout and stays."""
    os.close(1)
    time.sleep(3600)


# --- limits


def memory(params):
    block = bytearray(params["bytes"])
    say(result={"size": len(block)})


def reserve(params):
    """Reserves addresses without using them, as node, the JVM and Go do at their start."""
    block = mmap.mmap(-1, params["bytes"], mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0)
    say(result={"size": len(block)})


def spin(params):
    while True:
        pass


def files(params):
    say(result={"most": resource.getrlimit(resource.RLIMIT_NOFILE)[0]})


def main():
    global served
    if sys.argv[1:2] != ["pool"]:
        params = json.load(sys.stdin)
        globals()[params["do"]](params)
        return
    if len(sys.argv) > 2:
        # It ends with its stdin, however long that takes.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for line in sys.stdin:
        task = json.loads(line)
        served += 1
        globals()[task["params"]["do"]](task["params"])
    if len(sys.argv) > 2:
        with open(sys.argv[2], "a") as file:
            print(os.getpid(), file=file)


if __name__ == "__main__":
    main()
