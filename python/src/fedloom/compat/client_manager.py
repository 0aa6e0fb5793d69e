"""A rank that is a client: FineFL's client manager, on fedloom's protocol."""

import sys

from ..client.errors import ClientError
from ..client.host import Client
from ..client.results import sound
from ..client.states import MemoryStates
from ..client.work import Trained, Work, changes
from ..worker.params import ParamsLike, to_arrays
from ..worker.problem import Problem
from ..worker.results import to_sound_results
from .errors import CompatError
from .handlers import Handlers
from .meeting import Meeting
from .messages import Message, MyMessage

# All ranks start at once, and that of the server may load more than they do.
RETRY_S = 600


class FedAVGClientManager(Handlers):
    comes = (
        MyMessage.MSG_TYPE_S2C_INIT_CONFIG,
        MyMessage.MSG_TYPE_S2C_SYNC_MODEL_TO_CLIENT,
        MyMessage.MSG_TYPE_S2C_TEST_MODEL_ON_CLIENT,
    )

    def __init__(self, args, trainer, comm=None, rank=0, size=0, backend="MPI"):
        """`trainer`: a `FedAVGTrainer`. `backend` is not looked at: all goes over the server's connections."""
        super().__init__()
        self.args, self.trainer, self.comm, self.rank, self.size = args, trainer, comm, rank, size
        self.round_idx = 0
        self._sent = None

    def run(self):
        """Takes part until the run is over. Raises `CompatError` when it ends otherwise than complete."""
        self._register()
        work = _Work(self)
        url = Meeting(self.comm, self.size).server_url()
        client = Client(url, [(self.rank - 1, 1)], work, MemoryStates(), retry_for=RETRY_S, tell=self._tell)
        try:
            finish = client.take_part()
        except ClientError as error:
            raise CompatError(f"Rank {self.rank}: {error.message} [{error.code}]") from error
        if finish["reason"] != "completed":
            raise CompatError(f"Rank {self.rank}: the server ended the run early: {finish.get('message') or finish['reason']}")

    def register_message_receive_handlers(self):
        self.register_message_receive_handler(MyMessage.MSG_TYPE_S2C_INIT_CONFIG, self.handle_message_init)
        self.register_message_receive_handler(
            MyMessage.MSG_TYPE_S2C_SYNC_MODEL_TO_CLIENT, self.handle_message_receive_model_from_server
        )
        self.register_message_receive_handler(
            MyMessage.MSG_TYPE_S2C_TEST_MODEL_ON_CLIENT, self.handle_message_test_model_on_client
        )

    def handle_message_init(self, msg_params):
        self.trainer.update_model(msg_params.get("model_params"))
        self._train()

    def handle_message_receive_model_from_server(self, msg_params):
        self.trainer.update_model(msg_params.get("model_params"))
        self._train()

    def handle_message_test_model_on_client(self, msg_params):
        self.trainer.update_model(msg_params.get("model_params"))
        result, sample_number = self.trainer.test()
        self.send_test_result_to_server(0, result, sample_number, msg_params.get("round_idx"))

    def send_model_to_server(self, receive_id, weights, local_sample_num):
        self._send(receive_id, (weights, local_sample_num))

    def send_test_result_to_server(self, receive_id, test_result, local_sample_num, round_idx):
        self._send(receive_id, (test_result, local_sample_num))

    def _train(self):
        weights, sample_number = self.trainer.train()
        self.send_model_to_server(0, weights, sample_number)

    def _send(self, receive_id, content):
        if receive_id != 0:
            raise CompatError(f"A client sends to the server, which has the rank 0, not to rank {receive_id}.")
        self._sent = content

    def _answer(self, message):
        """What the handler of the message sent."""
        self._sent = None
        self._handle(message)
        if self._sent is None:
            raise CompatError(f"The handler of messages of type {message.get_type()} sent nothing to the server.")
        return self._sent

    def _tell(self, text):
        print(f"[rank {self.rank}] {text}", file=sys.stderr, flush=True)


class _Work(Work):
    """What the server asks, as the manager's handlers take it."""

    def __init__(self, manager):
        self._manager = manager
        self._like, self._buffers = None, set()
        self._began = False

    def check(self, welcome):
        if welcome["workload"]["kind"] != "trainer":
            raise ClientError("client.other-task", "The server ships a training plan: it is not that of rank 0's program.")

    def prepare(self, welcome, plan, frozen):
        trainer = self._manager.trainer.trainer
        params = trainer.get_model_params()
        to_arrays(params, type(trainer).__name__)
        self._like = ParamsLike(params)
        self._buffers = buffers_of(trainer)

    def train(self, asked, state, wanted):
        first, later = MyMessage.MSG_TYPE_S2C_INIT_CONFIG, MyMessage.MSG_TYPE_S2C_SYNC_MODEL_TO_CLIENT
        message = self._message(later if self._began else first, asked.model)
        self._began = True
        self._manager.round_idx = asked.task
        weights, sample_number = self._told(lambda: self._manager._answer(message))
        after = self._told(lambda: to_arrays(weights, "send_model_to_server"))
        update = changes(after, asked.model)
        trained = {name for name, value in update.items() if value.dtype.kind == "f"} - self._buffers
        return Trained(update, trained, {"sampleCount": sample_number, "stepCount": 0}, {})

    def evaluate(self, asked, state, wanted):
        message = self._message(MyMessage.MSG_TYPE_S2C_TEST_MODEL_ON_CLIENT, asked.model, round_idx=asked.task)
        result, sample_number = self._told(lambda: self._manager._answer(message))
        results, unsound = self._told(lambda: to_sound_results(result, "send_test_result_to_server"))
        return sound({"sampleCount": sample_number, "statistics": {}, "results": results}, unsound)

    def _message(self, kind, model, **fields):
        params = self._told(lambda: self._like.make({name: value.copy() for name, value in model.items()}))
        return Message(kind, 0, self._manager.rank, model_params=params, **fields)

    @staticmethod
    def _told(work):
        try:
            return work()
        except Problem as problem:
            raise ClientError(problem.code, problem.message) from problem


def buffers_of(trainer):
    named = getattr(getattr(trainer, "model", None), "named_buffers", None)
    return {name for name, _ in named()} if callable(named) else set()
