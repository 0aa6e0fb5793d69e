"""The loop of a worker: requests and replies are lines of JSON on a socket, tensors lie in a shared file.

What user code prints goes to the standard streams; each job's lines stand between two marks there, since they take another
way than the replies do.
"""

import json
import os
import signal
import socket
import sys
import traceback

REQUESTS_FD = 3
LIFELINE_FD = 4
AREA_FD = 5
MARK = "\x1e"


def main(writes_bytecode):
    from fedloom.worker.lifeline import end_with_parent

    for fd in (REQUESTS_FD, LIFELINE_FD, AREA_FD):
        os.set_inheritable(fd, False)
    end_with_parent(LIFELINE_FD)
    # Whoever started this process ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = socket.socket(fileno=REQUESTS_FD)
    lines = requests.makefile("r", encoding="utf-8", newline="\n")
    worker = _Worker(writes_bytecode)
    for line in lines:
        reply = worker.answer(json.loads(line))
        requests.sendall((json.dumps(reply) + "\n").encode("utf-8"))


class _Worker:
    def __init__(self, writes_bytecode):
        self._writes_bytecode = writes_bytecode
        self._session = None

    def answer(self, request):
        _mark(request.get("label", ""))
        try:
            return self._do(request)
        except BaseException as error:  # noqa: B902: SystemExit of user code ends its job, not the process
            return {"error": _told(error, request)}
        finally:
            _mark("")

    def _do(self, request):
        if request["op"] == "load":
            return self._load(request)
        return getattr(self._session, request["op"])(request)

    def _load(self, request):
        try:
            import numpy  # noqa: F401
        except ImportError as error:
            message = "%s cannot import numpy: %s. Install it: %s -m pip install numpy" % (
                sys.executable,
                error,
                sys.executable,
            )
            return {"error": {"code": "python.load", "message": message, "fields": {"target": "numpy"}}}
        from fedloom.worker.area import Area
        from fedloom.worker.names import stand_in
        from fedloom.worker.session import Session

        # This package writes no compiled files beside itself; what the user's modules do is not its business.
        sys.dont_write_bytecode = not self._writes_bytecode
        stand_in()
        session = Session(Area(AREA_FD), request)
        described = session.describe()
        self._session = session
        return described


def _mark(label):
    """What follows on the standard streams is this job's."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
            os.write(1 if stream is sys.stdout else 2, (MARK + label + MARK).encode("utf-8"))
        except (OSError, ValueError):
            pass


def _told(error, request):
    from fedloom.worker.problem import Problem

    if isinstance(error, Problem):
        return {"code": error.code, "message": error.message, "fields": error.fields}
    from fedloom.worker.targets import user_frames

    told = "".join(traceback.format_exception_only(type(error), error)).strip()
    return {"code": "python.raised", "message": told + user_frames(error), "fields": {"method": request["op"]}}
