"""Ends this process, and whatever it started, when its parent is gone."""

import fcntl
import os
import select
import signal
import sys
import threading

F_SETSIG = 10  # of Linux, which Python does not name before 3.9


def end_with_parent(fd):
    """The parent holds the other end of `fd`, and never writes to it.

    On Linux the kernel itself kills the group when the other end closes, whatever holds the interpreter's lock. Elsewhere,
    and where the parent was gone before the kernel was asked, a thread sees it.
    """
    if sys.platform.startswith("linux"):
        fcntl.fcntl(fd, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(fd, F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
    threading.Thread(target=_watch, args=(fd,), daemon=True).start()


def _watch(fd):
    # Not by reading: the kernel sends no signal while somebody waits for data.
    poll = select.poll()
    poll.register(fd, select.POLLIN | select.POLLHUP)
    poll.poll()
    os.killpg(os.getpgrp(), signal.SIGKILL)
