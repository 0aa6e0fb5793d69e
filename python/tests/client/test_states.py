"""Private state: commits when its update counted, over restarts of the process too."""

import pathlib
import tempfile
import unittest

import numpy as np

from fedloom.client.errors import ClientError
from fedloom.client.states import FolderStates, MemoryStates


def state(value):
    return {"a": np.full(2, value, np.float32)}


class States(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name) / "states"

    def start(self, run="run:1"):
        states = FolderStates(self.folder)
        states.open(run)
        return states

    def assert_committed(self, states, client, value):
        found = states.committed(client)
        self.assertEqual({} if value is None else {"a": [value, value]}, {name: one.tolist() for name, one in found.items()})

    def test_both_commit_what_counted_and_drop_the_rest(self):
        memory = MemoryStates()
        memory.open("run:1")
        for states in (memory, self.start()):
            self.assert_committed(states, 3, None)
            states.propose(3, 0, state(1))
            states.settle(3, 0, False)
            states.settle(3, 0, True)
            self.assert_committed(states, 3, None)
            states.propose(3, 1, state(2))
            states.propose(3, 2, state(3))
            states.settle(3, 1, True)
            self.assert_committed(states, 3, None)
            states.settle(3, 2, True)
            states.settle(3, 2, True)
            self.assert_committed(states, 3, 3)

    def test_another_process_goes_on(self):
        self.start().propose(3, 7, state(1))
        states = self.start()
        self.assert_committed(states, 3, None)
        states.settle(3, 7, True)
        self.assert_committed(self.start(), 3, 1)
        states.propose(3, 8, {})
        states.settle(3, 8, True)
        self.assert_committed(self.start(), 3, None)

    def test_runs_are_apart_and_a_folder_that_is_not_needed_is_not_there(self):
        one, other = self.start("one"), self.start("other")
        one.propose(0, 0, {})
        one.settle(0, 0, True)
        self.assertFalse(self.folder.exists())
        for states, value in ((one, 1), (other, 2)):
            states.propose(1, 0, state(value))
            states.settle(1, 0, True)
        one.forget()
        self.assert_committed(self.start("one"), 1, None)
        self.assert_committed(self.start("other"), 1, 2)
        other.forget()
        self.assertFalse(self.folder.exists())

    def test_a_disk_that_fails_is_told(self):
        self.folder.write_text("in the way")
        with self.assertRaisesRegex(ClientError, "Cannot write private state in .*--state-dir"):
            self.start().propose(1, 0, state(1))
