"""A wire between two network namespaces of its own, that delays, loses, reorders and cuts what passes.

Each end is a TUN device, so that what a kernel's netem does to packets is done here, on kernels without it too. A line of JSON on
stdin says what the wire does from then on: {"delayMs": 20, "jitterMs": 10, "loss": 0.02, "cut": false}. The first line on stdout
names the namespaces as files of this process. With the end of stdin everything is gone. Needs root and /dev/net/tun.
"""

import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
ENDS = ("10.203.0.1", "10.203.0.2")
PACKET_BYTES_MAX = 65536

libc = ctypes.CDLL(None, use_errno=True)


def open_end(own: str, other: str) -> tuple[int, int]:
    """A namespace with one device in it, whose packets come to this process. Returns both as files."""
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "no network namespace can be made")
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", b"wire", IFF_TUN | IFF_NO_PI))
    for command in (
        "ip link set lo up",
        f"ip address add {own} peer {other} dev wire",
        "ip link set wire up",
    ):
        subprocess.run(command.split(), check=True)
    return os.open("/proc/self/ns/net", os.O_RDONLY), tun


class Wire:
    def __init__(self, tuns: tuple[int, int]) -> None:
        self.tuns = tuns
        self.rules = {"delayMs": 0, "jitterMs": 0, "loss": 0, "cut": False}
        self.under_way: list[tuple[float, int, int, bytes]] = []
        self.count = 0
        self.dice = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 0)

    def take(self, end: int) -> None:
        packet = os.read(self.tuns[end], PACKET_BYTES_MAX)
        if self.rules["cut"] or self.dice.random() < self.rules["loss"]:
            return
        delay_ms = self.rules["delayMs"] + self.dice.uniform(0, self.rules["jitterMs"])
        self.count += 1
        heapq.heappush(self.under_way, (time.monotonic() + delay_ms / 1000, self.count, 1 - end, packet))

    def deliver(self) -> None:
        while self.under_way and self.under_way[0][0] <= time.monotonic():
            _, _, end, packet = heapq.heappop(self.under_way)
            try:
                os.write(self.tuns[end], packet)
            except OSError:
                pass  # The other end has no room: one more packet is lost.

    def run(self) -> None:
        while True:
            wait = max(0.0, self.under_way[0][0] - time.monotonic()) if self.under_way else None
            ready, _, _ = select.select([*self.tuns, sys.stdin], [], [], wait)
            self.deliver()
            for end, tun in enumerate(self.tuns):
                if tun in ready:
                    self.take(end)
            if sys.stdin in ready:
                line = sys.stdin.readline()
                if line == "":
                    return
                self.rules.update(json.loads(line))
                print("done", flush=True)


def main() -> None:
    (first, one), (second, other) = open_end(*ENDS), open_end(*reversed(ENDS))
    print(json.dumps([f"/proc/{os.getpid()}/fd/{file}" for file in (first, second)]), flush=True)
    Wire((one, other)).run()


main()
