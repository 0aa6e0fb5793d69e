"""What `python -m fedloom.client` does."""

import os
import pathlib
import signal
import sys

from . import arguments, proof, tls
from .errors import ClientError
from .extras import extra
from .host import Client
from .outbound import OutboundLog
from .plan_work import PlanWork
from .states import FolderStates, MemoryStates


def main(argv=None):
    """Returns the exit code: 0 where the run is complete, 2 for a wrong command line, 130 after Ctrl-C, else 1."""
    parser = arguments.parser()
    options = parser.parse_args(argv)
    if options.data is None and options.trainer is None:
        parser.error("--data DIR is needed, the folder of the clients' data; or --trainer FILE:CLASS")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _take_part(options)
    except ClientError as error:
        print(f"error: {error.message} [{error.code}]", file=sys.stderr, flush=True)
        return 1
    except _Interrupted as interrupted:
        return 128 + interrupted.signal
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _take_part(options):
    extra("websockets")
    secure = tls.context(options.tls_ca, options.tls_cert, options.tls_key) if options.server.startswith("wss:") else None
    clients = [client for first, count in options.index for client in range(first, first + count)]
    work = PlanWork(clients, options.data, options.device) if options.trainer is None else _trainer_work(options)
    folder = options.state_dir or _beside(options.data)
    states = MemoryStates() if folder is None else FolderStates(folder)
    client = Client(
        options.server,
        options.index,
        work,
        states,
        run=options.run,
        retry_for=options.retry_for,
        secure=secure,
        plan_hash=options.plan_hash,
        outbound=OutboundLog(options.outbound_log) if options.outbound_log else None,
        proofs=proof.proofs_of(options.token_file, options.key_file),
        tell=_tell,
        break_after=options.break_after,
    )
    finish = client.take_part()
    if finish["reason"] != "completed":
        raise ClientError("client.run-ended", f"The server ended the run early: {finish.get('message') or finish['reason']}")
    if options.state_dir is None:
        states.forget()
    _tell("The run is complete.")
    return 0


def _trainer_work(options):
    from .trainer_work import TrainerWork

    return TrainerWork(
        options.trainer,
        options.model,
        data=options.load_data,
        args=dict(options.arg),
        train_path=options.train_path,
        test_path=options.test_path,
        data_dir=options.data or "./data",
    )


def _beside(data):
    """Data that may only be read have nothing beside them."""
    if data is None:
        return None
    return pathlib.Path(data) / ".fedloom" if os.access(data, os.W_OK) else None


def _tell(text):
    print(text, file=sys.stderr, flush=True)


class _Interrupted(BaseException):
    def __init__(self, number):
        super().__init__()
        self.signal = number


def _interrupt(number, _):
    raise _Interrupted(number)
