"""What the server asks of the clients of this process, and what they answer: PROTOCOL.md sections 5 to 7.

The thread that speaks with the server calls `receive` and `lost`; the jobs run on the thread that works."""

import math
import threading
import time

from . import tensors
from .errors import ClientError, NotWanted, ProtocolError
from .jobs import Asked, Job
from .stages import Stages

KEPT_BYTES_MAX = 256 * 2**20
ENTRIES_PER_MESSAGE = 64


class Desk:
    def __init__(self, clients, work, states, jobs, send, tell):
        """`clients`: indices; `send(message, body)`: to the server, or nowhere while there is no line; `tell(text)`: a line
        for people."""
        self._clients, self._work, self._states, self._jobs = clients, work, states, jobs
        self._send, self._tell = send, tell
        self._models = {}  # hash -> tensors
        self._at_work = {}  # client -> job
        self._finished = {}  # client -> (message, body) of its last update, until it is settled
        self._entries, self._round = [], -1
        self._lock = threading.RLock()
        self._stages = Stages([])

    def open(self, welcome):
        """A run begins, or goes on. Raises `ClientError`: these clients cannot take part."""
        self._stages = Stages(welcome["stages"])
        self._states.open(welcome["run"])

    def begin(self):
        """A connection begins: its server sends the models that it names anew."""
        with self._lock:
            self._models.clear()

    def lost(self):
        """Evaluations are lost with their connection; training goes on, and what it gives is kept."""
        self._jobs.cancel(lambda job: job.asked is not None and job.asked.kind == "evaluate")
        with self._lock:
            self._entries = []

    def receive(self, message, body):
        """Raises `ProtocolError`, and `ClientError` where private state cannot be kept."""
        kind = message["type"]
        if kind == "model":
            self._take_model(message["version"], body)
        elif kind == "forget":
            for version in message["versions"]:
                self._models.pop(version["hash"], None)
        elif kind == "train":
            self._take_train(message)
        elif kind == "evaluate":
            self._take_evaluate(message)
        elif kind == "settled":
            self._settle(message)
        else:
            raise ProtocolError("protocol.unexpected", f"A client does not take the message '{kind}'.")

    def _take_model(self, version, body):
        if tensors.sha256(body) != version["hash"]:
            raise ProtocolError("client.hash", f"The model that came does not have the hash {version['hash']}.")
        self._models[version["hash"]] = tensors.decode(body)

    def _model(self, version):
        if version["hash"] not in self._models:
            raise ProtocolError("protocol.order", f"The model {version['hash']} was named before it came.")
        return self._models[version["hash"]]

    def _take_train(self, message):
        task, base, attempt = message["task"], message["base"], message["attempt"]
        for client in message["clients"]:
            self._check_hosted(client)
            asked = Asked("train", client, task, base, self._model(base), message["scalars"])
            with self._lock:
                at_work = self._at_work.get(client)
                if at_work is not None and _same(at_work.asked, asked):
                    at_work.attempt = attempt
                    continue
                self._at_work[client] = job = Job(self._train, asked, attempt)
            self._jobs.add(job)

    def _take_evaluate(self, message):
        if message["round"] != self._round or not message["clients"]:
            self.lost()
            self._round = message["round"]
        for part in message["clients"]:
            for client in range(part["from"], part["from"] + part["count"]):
                self._check_hosted(client)
                version = message["model"]
                asked = Asked("evaluate", client, message["round"], version, self._model(version), {})
                self._jobs.add(Job(self._evaluate, asked))

    def _check_hosted(self, client):
        if client not in self._clients:
            raise ProtocolError("protocol.message", f"Client {client} is not one of this process.")

    def _settle(self, message):
        task, counted, clients = message["task"], message["counted"], set(message["clients"])
        with self._lock:
            for client in clients & set(self._finished):
                if self._finished[client][0]["task"] == task:
                    del self._finished[client]
        if not counted:
            self._drop(lambda asked: asked.kind == "train" and asked.task == task and asked.client in clients)
            if message.get("code"):
                self._tell(f"task {task + 1}: clients {sorted(clients)} did not count: {message.get('reason') or message['code']}")
        for client in message["clients"]:
            self._states.settle(client, task, counted)

    def _drop(self, test):
        self._jobs.cancel(lambda job: job.asked is not None and test(job.asked))
        with self._lock:
            for client, job in list(self._at_work.items()):
                if job.cancelled:
                    del self._at_work[client]

    def _train(self, job):
        asked = job.asked
        try:
            with self._lock:
                message, body = self._finished.get(asked.client, (None, None))
            if message is None or (message["task"], message["base"]["hash"]) != (asked.task, asked.base["hash"]):
                message, body = self._trained(job)
            with self._lock:
                if job.cancelled:
                    return
                message = {**message, "attempt": job.attempt}
            self._send(message, body)
        except NotWanted:
            pass
        except Exception as error:  # whatever it is, it costs this client this round
            self._fail(job, error)
        finally:
            with self._lock:
                if self._at_work.get(asked.client) is job:
                    del self._at_work[asked.client]

    def _trained(self, job):
        asked, started = job.asked, time.monotonic()
        committed = self._states.committed(asked.client)
        own = {name: value for name, value in committed.items() if not name.startswith("stage:")}
        done = self._work.train(asked, own, job.wanted)
        update, kept = self._stages.apply(done.update, done.trained & set(done.update), committed)
        body = tensors.encode(update)
        if job.cancelled:
            raise NotWanted
        self._states.propose(asked.client, asked.task, {**done.state, **kept})
        message = {
            "type": "update",
            "task": asked.task,
            "attempt": job.attempt,
            "client": asked.client,
            "base": asked.base,
            "facts": {name: fact for name, fact in done.facts.items() if math.isfinite(fact)},
            "trainMs": 1000 * (time.monotonic() - started),
        }
        self._keep(asked.client, message, body)
        return message, body

    def _keep(self, client, message, body):
        """Until it is settled; of more bytes than KEPT_BYTES_MAX the oldest go: their clients train again if asked again."""
        with self._lock:
            self._finished.pop(client, None)
            self._finished[client] = (message, body)
            while sum(len(kept) for _, kept in self._finished.values()) > KEPT_BYTES_MAX:
                del self._finished[next(iter(self._finished))]

    def _evaluate(self, job):
        asked = job.asked
        try:
            committed = self._states.committed(asked.client)
            entry = {"client": asked.client, **self._work.evaluate(asked, committed, job.wanted)}
        except NotWanted:
            return
        except Exception as error:
            entry = None
            self._fail(job, error)
        with self._lock:
            if job.cancelled or asked.task != self._round:
                return
            if entry is not None:
                self._entries.append(entry)
            more = self._jobs.some(lambda other: other.asked is not None and other.asked.kind == "evaluate")
            if not self._entries or (more and len(self._entries) < ENTRIES_PER_MESSAGE):
                return
            entries, self._entries = self._entries, []
        self._send({"type": "evaluations", "round": asked.task, "entries": entries})

    def _fail(self, job, error):
        if job.cancelled:
            return
        asked = job.asked
        self._tell(f"warning: {asked.kind} task {asked.task + 1}: client {asked.client} failed: {error}")
        code = error.code if isinstance(error, ClientError) else "client.failed"
        job_of = {"task": asked.task, "attempt": job.attempt, "client": asked.client, "phase": asked.kind}
        self._send({"type": "failed", **job_of, "code": code, "message": (str(error) or repr(error))[:4096]})


def _same(a, b):
    return (a.task, a.base["hash"]) == (b.task, b.base["hash"])
