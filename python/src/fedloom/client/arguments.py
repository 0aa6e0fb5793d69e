"""The command line of `python -m fedloom.client`."""

import argparse
import json
import math
import re

INDEX_MAX = 2**31 - 1


def parse_ranges(text):
    """`0-4,9` -> [(0, 5), (9, 1)]: first and count of each."""
    ranges = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or not (last if dash else first).isdecimal():
            raise argparse.ArgumentTypeError(f"'{text}' names no clients; it reads like 7, 0-4 or 0-4,9")
        start, end = int(first), int(last if dash else first)
        if end < start or end > INDEX_MAX:
            raise argparse.ArgumentTypeError(f"'{part}' is no range of clients: it goes from the lower index to the higher")
        ranges.append((start, end - start + 1))
    ordered = sorted(ranges)
    for (first, count), (following, _) in zip(ordered, ordered[1:]):
        if first + count > following:
            raise argparse.ArgumentTypeError(f"'{text}' names client {following} twice")
    return ranges


def server_url(text):
    if not text.startswith(("ws://", "wss://")):
        raise argparse.ArgumentTypeError(f"'{text}' is not an address of a server; it reads like ws://HOST:PORT")
    return text


def seconds(text):
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds")
    return number


def device(text):
    kind, colon, number = text.partition(":")
    if kind not in ("cpu", "cuda") or (colon and (kind == "cpu" or not number.isdecimal())):
        raise argparse.ArgumentTypeError(f"'{text}' is no device; it is cpu, cuda or cuda:1")
    return text


def plan_hash(text):
    if not re.fullmatch("sha256:[0-9a-f]{64}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is no hash of a plan; it is sha256: and 64 hexadecimal digits")
    return text


def argument(text):
    """`lr=0.1` -> ("lr", 0.1); what is no JSON is a text."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"'{text}' is no argument; it reads like lr=0.1")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def parser():
    made = argparse.ArgumentParser(
        prog="python -m fedloom.client",
        description="Takes part in the federation of a server as one or more clients: trains the plan that the server ships, "
        "on the part folders in --data, or with a trainer of your own.",
    )
    made.add_argument("--server", required=True, type=server_url, metavar="URL", help="ws://HOST:PORT, or wss://")
    made.add_argument(
        "--index", required=True, type=parse_ranges, metavar="RANGES", help="clients of this process: 7, 0-4 or 0-4,9"
    )
    made.add_argument("--run", metavar="NAME", help="the run to take part in, where the server has several")
    made.add_argument(
        "--data",
        metavar="DIR",
        help="a part folder, a folder with client-<index> for each client, or a template such as /data/client_{rank}, with "
        "{rank} from 1 or {index} from 0; data_path of a trainer",
    )
    made.add_argument(
        "--state-dir",
        metavar="DIR",
        help="keep what clients keep to themselves between rounds here, so that they can be started again within a run "
        "(default: .fedloom in --data, as long as the run goes on; without --data only in memory)",
    )
    made.add_argument("--device", type=device, default="cpu", help="what trains a plan: cpu, cuda or cuda:1 (default: cpu)")
    made.add_argument(
        "--retry-for", type=seconds, default=60, metavar="SECONDS", help="how long to go on trying to reach the server (60)"
    )
    made.add_argument("--plan-hash", type=plan_hash, metavar="HASH", help="refuse any plan but this one, as the server tells it")
    made.add_argument(
        "--outbound-log", metavar="FILE", help="write down what leaves this machine of its data, before it does: a line of JSON each"
    )
    made.add_argument(
        "--token-file", metavar="FILE", help="file with the token to join with (or the variable FEDLOOM_TOKEN)"
    )
    made.add_argument("--key-file", metavar="FILE", help="own key, of `fedloom clients enrol`, for servers that know it")
    secure = made.add_argument_group("at wss://, files in PEM")
    secure.add_argument("--tls-ca", metavar="FILE", help="certificate of the authority to trust, in place of the known ones")
    secure.add_argument("--tls-cert", metavar="FILE", help="own certificate, for servers that ask for one")
    secure.add_argument("--tls-key", metavar="FILE", help="its private key")
    own = made.add_argument_group("a trainer of your own, for tasks that have one")
    own.add_argument("--trainer", metavar="FILE:CLASS", help="its class: f.py:MyTrainer, or package.module:MyTrainer")
    own.add_argument("--model", metavar="FILE:FUNCTION", help="what makes its model, called with its arguments")
    own.add_argument("--load-data", metavar="FILE:FUNCTION", help="of FedML's trainers: what loads the data by client")
    own.add_argument("--train-path", metavar="PATH", help="a client's data; {rank} counts from 1, {index} from 0")
    own.add_argument("--test-path", metavar="PATH", help="the same for tests")
    own.add_argument(
        "--arg", action="append", default=[], type=argument, metavar="NAME=VALUE", help="what it finds in its arguments"
    )
    made.add_argument("--break-after", type=int, help=argparse.SUPPRESS)
    return made
