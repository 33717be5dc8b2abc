"""A task in a process of its own: counts what is in a text file.

Parameters come as JSON on stdin. Every line on stdout is one JSON object:
{"progress": 0.5, "message": "..."} as often as you like, then {"result": ...} once.
What goes to stderr goes to the worker's log.
"""

import json
import os
import sys
from collections import Counter

# In worker.toml this exit code means INVALID_INPUT_ERROR.
NOT_WHAT_WAS_ASKED_FOR = 3


def say(**message):
    print(json.dumps(message), flush=True)


def is_brought(path):
    """Whether the worker put that file into the task's folder. Whoever makes a job can name
    any other file of this machine."""
    folder = os.path.realpath(os.environ["AXON_TASK_FOLDER"])
    path = os.path.realpath(path)
    return os.path.isfile(path) and os.path.commonpath([folder, path]) == folder


def main():
    params = json.load(sys.stdin)
    path = params.get("text")
    if not isinstance(path, str) or not is_brought(path):
        print("text: the path of a text file is missing", file=sys.stderr)
        return NOT_WHAT_WAS_ASKED_FOR

    size = max(os.path.getsize(path), 1)
    lines, words, letters, done = 0, Counter(), 0, 0
    with open(path, "rb") as text:
        for line in text:
            done += len(line)
            lines += 1
            line = line.decode("utf-8", "replace")
            letters += sum(c.isalpha() for c in line)
            words.update(line.split())
            if lines % 1000 == 1:
                say(progress=done / size, message=f"{lines} lines")

    # A file in the task's own folder, which is also the current folder. Its path in the
    # result is uploaded and becomes s3://..., where the worker has a storage.
    report = os.path.join(os.environ["AXON_TASK_FOLDER"], "report.json")
    with open(report, "w") as file:
        json.dump(dict(words.most_common(10)), file)
    say(
        result={
            "lines": lines,
            "words": sum(words.values()),
            "letters": letters,
            "report": report,
        }
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
