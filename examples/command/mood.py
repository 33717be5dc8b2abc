"""A program that stays: it loads its model once and then does one task after the other.

Every task is one JSON object in one line on stdin:
{"task_id": "...", "name": "mood", "params": {"text": "..."}, "folder": "...", ...}.
Every answer is one line on stdout; with the task_id in it the worker can be sure which
task it belongs to. When stdin ends, so does the program.
"""

import json
import os
import sys


class Model:
    """Words and what they tell of a mood. Slow to load, if it were a real one."""

    def __init__(self, path):
        self.words = {}
        self.answers = 0
        with open(path) as file:
            for line in file:
                word, score = line.split()
                self.words[word] = int(score)

    def mood_of(self, text):
        self.answers += 1
        score = sum(self.words.get(word, 0) for word in text.lower().split())
        mood = "good" if score > 0 else "bad" if score < 0 else "even"
        return {"mood": mood, "score": score, "pid": os.getpid(), "answers": self.answers}


def answer(model, task):
    text = task["params"].get("text")
    if not isinstance(text, str):
        message = "text: expected a text"
        return {"error": {"code": "INVALID_INPUT_ERROR", "message": message}}
    result = model.mood_of(text)
    # A status of its own, which the job may have a transition for.
    status = "needs_comfort" if result["score"] < -2 else "success"
    return {"result": result, "status": status}


def main():
    model = Model(os.environ["MOOD_WORDS"])
    print(f"{len(model.words)} words loaded", file=sys.stderr)
    for line in sys.stdin:
        task = json.loads(line)
        print(json.dumps({"task_id": task["task_id"], **answer(model, task)}), flush=True)


if __name__ == "__main__":
    main()
