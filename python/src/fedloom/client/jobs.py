"""What is to be done for the server, one after the other, by the thread that works."""

import threading
from collections import deque
from typing import Any, Dict, NamedTuple


class Asked(NamedTuple):
    """What a `train` or `evaluate` asks of one client."""

    kind: str  # "train" or "evaluate"
    client: int
    task: int  # of an evaluation: its round
    base: Dict[str, Any]  # the version
    model: Dict[str, Any]  # its tensors by name
    scalars: Dict[str, float]


class Job:
    def __init__(self, run, asked=None, attempt=0):
        """`run(job)`: does it. `asked`: what the server asked for, if it is that."""
        self.run, self.asked, self.attempt = run, asked, attempt
        self.cancelled = False

    def wanted(self):
        return not self.cancelled


class Jobs:
    def __init__(self):
        self._waiting = deque()
        self._current = None
        self._over = False
        self._changed = threading.Condition(threading.RLock())

    def add(self, job):
        with self._changed:
            self._waiting.append(job)
            self._changed.notify_all()

    def take(self):
        """The next job; None when there will be none any more. The job before counts as done."""
        with self._changed:
            self._current = None
            self._changed.wait_for(lambda: self._waiting or self._over)
            if self._over:
                return None
            self._current = self._waiting.popleft()
            return self._current

    def some(self, test):
        """Whether any job that waits is such a one."""
        with self._changed:
            return any(test(job) for job in self._waiting)

    def cancel(self, test):
        """Takes away those that wait, and tells the one under way."""
        with self._changed:
            dropped = [job for job in self._waiting if test(job)]
            self._waiting = deque(job for job in self._waiting if not test(job))
            if self._current is not None and test(self._current):
                dropped.append(self._current)
            for job in dropped:
                job.cancelled = True

    def close(self):
        with self._changed:
            self._over = True
            self.cancel(lambda job: True)
            self._changed.notify_all()
