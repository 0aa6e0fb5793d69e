"""fedloom's server as a child of rank 0, and what it asks of rank 0's Python."""

import json
import os
import shlex
import shutil
import subprocess
import tempfile
import threading
import traceback

from ..client import tensors
from .errors import CompatError

TASK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "server_task.mjs")
LEAVE_S = 15


class ServerProcess:
    def __init__(self, args, meeting, model, aggregate, results):
        """`args`: FineFL's. `model`: the parameters to begin with, as arrays. `aggregate(round, base, updates)`: makes the
        next model, None: the server does. `results(round, results)`: makes the federation's results, None: their mean."""
        self._args, self._meeting, self._model = args, meeting, model
        self._aggregate, self._results = aggregate, results
        self._told = False
        self._error = self._finished = None
        self._failure = None

    def serve(self):
        """Until the run is over; returns its last model, as arrays. Raises `CompatError`, and what `aggregate` raises."""
        command = [*_command(), "server", TASK, *self._numbers(), "--json", "--listen", self._meeting.listen_address]
        command += ["--evaluate-every", str(getattr(self._args, "frequency_of_the_test", 1))]
        # Nothing says how long a training takes: FineFL waits as long as it must.
        command += ["--deadline", "none", *shlex.split(os.environ.get("FEDLOOM_SERVER_OPTIONS", ""))]
        requests, server_requests = os.pipe()
        server_replies, replies = os.pipe()
        alive, lifeline = os.pipe()
        try:
            with tempfile.TemporaryDirectory(prefix="fedloom-compat-") as folder:
                environment = {**os.environ, "FEDLOOM_COMPAT": self._described(folder, server_requests, server_replies, alive)}
                passed = (server_requests, server_replies, alive)
                try:
                    child = subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=passed, env=environment)
                except OSError as error:
                    raise CompatError(f"Cannot start fedloom's server, {command[0]}: {error.strerror}.") from error
                finally:
                    for end in passed:
                        os.close(end)
                return self._attend(child, requests, replies)
        finally:
            os.close(requests)
            os.close(replies)
            os.close(lifeline)
            if not self._told:
                self._tell(None)

    def _numbers(self):
        names = ("client_num_in_total", "client_num_per_round", "comm_round")
        missing = [name for name in names if not hasattr(self._args, name)]
        if missing:
            raise CompatError(f"args has no {missing[0]}.")
        return [str(getattr(self._args, name)) for name in names]

    def _described(self, folder, requests, replies, alive):
        model = os.path.join(folder, "model.safetensors")
        with open(model, "wb") as file:
            file.write(tensors.encode(self._model))
        told = {"name": str(getattr(self._args, "model", None) or "fedavg"), "model": model}
        asked = {"aggregate": self._aggregate is not None, "results": self._results is not None}
        return json.dumps({**told, **asked, "requests": requests, "replies": replies, "lifeline": alive})

    def _attend(self, child, requests, replies):
        reading = threading.Thread(target=self._read_events, args=(child.stdout,), daemon=True)
        reading.start()
        try:
            with os.fdopen(os.dup(requests), "rb") as asked, os.fdopen(os.dup(replies), "wb") as answered:
                self._answer_all(asked, answered)
            child.wait()
            reading.join()
        except BaseException:
            _end(child)
            raise
        if self._failure is not None:
            raise self._failure
        if self._finished is None or child.returncode != 0:
            raise CompatError(f"The server ended with exit code {child.returncode}: {self._error or 'it says why above'}")
        with open(self._finished["model"], "rb") as file:
            return tensors.decode(file.read())

    def _read_events(self, stdout):
        """What people read of the run the server says on stderr."""
        for line in stdout:
            event = json.loads(line)
            kind = event.pop("event")
            if kind == "listening":
                self._tell(event["url"])
            elif kind == "error":
                self._error = event["message"]
            elif kind == "finished":
                self._finished = event

    def _tell(self, url):
        self._told = True
        self._meeting.tell(url)

    def _answer_all(self, asked, answered):
        updates = []
        while True:
            read = _read(asked)
            if read is None:
                return
            request, body = read
            if request["op"] == "update":
                updates.append((request["client"], tensors.decode(body), request["samples"]))
                continue
            try:
                if request["op"] == "aggregate":
                    given, updates = updates, []
                    reply = {}, tensors.encode(self._aggregate(request["round"], tensors.decode(body), given))
                else:
                    results = {int(client): one for client, one in request["results"].items()}
                    reply = {"results": self._results(request["round"], results)}, b""
            except Exception as error:
                if request["op"] == "aggregate":
                    self._failure = error
                reply = {"error": "".join(traceback.format_exception_only(type(error), error)).strip()}, b""
            _write(answered, *reply)


def _read(file):
    """A header of JSON with its length, and a body with its own. None at the end."""
    lengths = file.read(12)
    if len(lengths) < 12:
        return None
    header = file.read(int.from_bytes(lengths[:4], "little"))
    return json.loads(header), file.read(int.from_bytes(lengths[4:], "little"))


def _write(file, header, body):
    text = json.dumps(header).encode()
    file.write(len(text).to_bytes(4, "little") + len(body).to_bytes(8, "little") + text + body)
    file.flush()


def _command():
    """fedloom's own. Raises `CompatError` where there is none."""
    named = os.environ.get("FEDLOOM_COMMAND")
    if named:
        return shlex.split(named)
    for start in (os.getcwd(), os.path.dirname(os.path.abspath(__file__))):
        while True:
            command = os.path.join(start, "node_modules", ".bin", "fedloom")
            if os.path.exists(command):
                return [command]
            parent = os.path.dirname(start)
            if parent == start:
                break
            start = parent
    found = shutil.which("fedloom")
    if found:
        return [found]
    raise CompatError(
        "Rank 0 needs fedloom's server, and Node 20.19 or later: install it (npm install fedloom), or say how to start it with "
        "FEDLOOM_COMMAND."
    )


def _end(child):
    """In order, if it listens."""
    child.terminate()
    try:
        child.wait(LEAVE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
