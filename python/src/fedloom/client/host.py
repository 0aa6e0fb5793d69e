"""A client process: one thread, that of `take_part`, does the work; another speaks with the server."""

import threading

from .desk import Desk
from .errors import ClientError
from .jobs import Job, Jobs
from .line import Line


class Client:
    """Takes part in one run with all clients of this process."""

    def __init__(
        self,
        url,
        ranges,
        work,
        states,
        *,
        run=None,
        retry_for=60.0,
        secure=None,
        proofs=(),
        plan_hash=None,
        outbound=None,
        tell=print,
        break_after=None,
    ):
        """`url`: ws://HOST:PORT, or wss://. `secure`: an `ssl.SSLContext` for that. `proofs`: of who this
        client is, of `proof.py`. `ranges`: (first, count) of the clients. `work`: a `Work`. `states`: where private state
        lies. `run`: the run's name, where the server has several. `retry_for`: seconds to go on dialling a server that is
        not there. `plan_hash`: of the only plan that may run here, None for any. `outbound`: an `OutboundLog` of what
        leaves, or None. `tell(text)`: a line for people. `break_after`: break the line after so many updates, once, for tests."""
        self._work, self._states, self._tell, self._ranges = work, states, tell, ranges
        self._break_after, self._sent = break_after, 0
        self._plan_hash, self._outbound = plan_hash, outbound
        self._jobs = Jobs()
        self._finish = self._failure = None
        clients = {client for first, count in ranges for client in range(first, first + count)}
        self._desk = Desk(clients, work, states, self._jobs, self._send, tell)
        self._line = Line(
            url,
            ranges,
            run=run,
            retry_for=retry_for,
            secure=secure,
            proofs=proofs,
            on_welcome=self._welcomed,
            on_begin=self._desk.begin,
            on_shipped=lambda *shipped: self._jobs.add(Job(lambda _: self._prepare(*shipped))),
            on_joined=self._joined,
            receive=self._desk.receive,
            on_lost=self._desk.lost,
            tell=tell,
        )

    def take_part(self):
        """Until the run is over; returns the server's `finish`. Leaves the run when it is interrupted.

        Raises `ClientError`."""
        keeping = threading.Thread(target=self._keep, name="fedloom-line", daemon=True)
        keeping.start()
        try:
            job = self._jobs.take()
            while job is not None:
                job.run(job)
                job = self._jobs.take()
            keeping.join()
        except BaseException:
            self._tell("Leaving the federation.")
            self._line.leave()
            raise
        if self._failure is not None:
            raise self._failure
        return self._finish

    def _keep(self):
        try:
            self._finish = self._line.keep()
        except BaseException as error:  # told by the thread that works
            self._failure = self._failure or error
        finally:
            self._jobs.close()

    def _welcomed(self, welcome):
        self._check_pinned(welcome["workload"])
        self._run = welcome["run"]
        self._work.check(welcome)
        self._desk.open(welcome)

    def _check_pinned(self, workload):
        if self._plan_hash in (None, workload.get("hash")):
            return
        has = f"has the plan {workload['hash']}" if workload["kind"] == "plan" else "has no plan: its clients bring their own code"
        raise ClientError(
            "client.plan-pinned",
            f"The run {has}; this client runs no plan but {self._plan_hash}, which was pinned. Ask the operator of the server "
            "what has changed before you pin another.",
        )

    def _prepare(self, welcome, plan, frozen):
        try:
            self._work.prepare(welcome, plan, frozen)
        except ClientError as error:
            self._failure = error
            self._line.fail(error)
        else:
            self._line.join()

    def _joined(self, welcome):
        clients = ", ".join(str(first) if count == 1 else f"{first}-{first + count - 1}" for first, count in self._ranges)
        one = len(self._ranges) == 1 and self._ranges[0][1] == 1
        self._tell(f"Joined run {welcome['run']} as {'client' if one else 'clients'} {clients}.")

    def _send(self, message, body=b""):
        if self._outbound is not None:
            try:
                self._outbound.write(self._run, message, body)
            except ClientError as error:
                self._failure = error
                self._line.leave()
                return
        self._line.send(message, body)
        if message["type"] == "update":
            self._sent += 1
            if self._sent == self._break_after:
                self._line.break_line()
