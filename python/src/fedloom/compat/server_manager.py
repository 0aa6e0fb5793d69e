"""Rank 0: FineFL's server manager, beside fedloom's server."""

import sys
import traceback

from ..worker.params import ParamsLike, to_arrays
from ..worker.results import to_results
from .aggregator import FedAVGAggregator
from .errors import CompatError
from .handlers import Handlers
from .meeting import Meeting
from .messages import Message, MyMessage
from .overrides import overridden, refuse_overrides
from .server_process import ServerProcess

# Where one of these is the user's own, the server hands it the updates in place of folding them itself.
_MAKE_AGGREGATE = ("set_client_indexes", "set_global_model_params", "add_local_trained_result", "aggregate")
_SENT = "fedloom's server sends models to clients, each once a connection, by its hash"
_WHEN = "fedloom's server decides when a round is over, also when clients are away"
_REFUSED_OF_AGGREGATOR = {
    "check_whether_all_receive": _WHEN,
    "check_whether_all_result_receive": _WHEN,
    "client_sampling": "fedloom's server samples the clients, as FedML does",
}
_REFUSED_OF_MANAGER = {
    "send_init_msg": "the server begins when all clients have joined",
    "start_training_round": _WHEN,
    "send_message_init_config": _SENT,
    "send_message_sync_model_to_client": _SENT,
    "send_message_test_model_on_clients": _SENT,
}


class FedAVGServerManager(Handlers):
    comes = (MyMessage.MSG_TYPE_C2S_SEND_MODEL_TO_SERVER, MyMessage.MSG_TYPE_C2S_SEND_TEST_RESULT_TO_SERVER)

    def __init__(self, args, aggregator, comm=None, rank=0, size=0, backend="MPI"):
        """`aggregator`: a `FedAVGAggregator`. `backend` is not looked at. Raises `CompatError` for overrides that could have
        no effect."""
        super().__init__()
        self.args, self.aggregator, self.comm, self.rank, self.size = args, aggregator, comm, rank, size
        self.round_num, self.round_idx = args.comm_round, 0
        if not isinstance(aggregator, FedAVGAggregator):
            raise CompatError(f"{type(aggregator).__name__} is no FedAVGAggregator: extend that class.")
        refuse_overrides(aggregator, FedAVGAggregator, _REFUSED_OF_AGGREGATOR)
        refuse_overrides(self, FedAVGServerManager, _REFUSED_OF_MANAGER)

    def run(self):
        """Serves until the run is over; then the aggregator's trainer holds the last model. Raises `CompatError`."""
        clients, processes = self.args.client_num_in_total, self.size - 1
        if clients != processes:
            raise CompatError(
                f"client_num_in_total is {clients}, but {self.size} processes are a server and {processes} clients: start "
                f"{clients + 1} processes, or ask for {processes} clients."
            )
        self._register()
        self._like = self.aggregator.get_global_model_params()
        meeting = Meeting(self.comm, self.size)
        own = overridden(self.aggregator, FedAVGAggregator, _MAKE_AGGREGATE)
        own += overridden(
            self, FedAVGServerManager, ("handle_message_receive_model_from_client", "register_message_receive_handlers")
        )
        server = ServerProcess(
            self.args,
            meeting,
            to_arrays(self._like, type(self.aggregator.trainer).__name__),
            aggregate=self._aggregate if own else None,
            results=self._results if self._has_results() else None,
        )
        arrays = server.serve()
        self.aggregator.set_global_model_params(self._made_like(arrays))

    def register_message_receive_handlers(self):
        self.register_message_receive_handler(
            MyMessage.MSG_TYPE_C2S_SEND_MODEL_TO_SERVER, self.handle_message_receive_model_from_client
        )
        self.register_message_receive_handler(
            MyMessage.MSG_TYPE_C2S_SEND_TEST_RESULT_TO_SERVER, self.handle_message_receive_result_from_client
        )

    def handle_message_receive_model_from_client(self, msg_params):
        index = msg_params.get("sender") - 1
        self.aggregator.add_local_trained_result(index, msg_params.get("model_params"), msg_params.get("num_samples"))

    def handle_message_receive_result_from_client(self, msg_params):
        index = msg_params.get("sender") - 1
        result, sample_number = msg_params.get("test_result"), msg_params.get("num_samples")
        self.aggregator.add_test_result(index, result, sample_number, msg_params.get("round_idx"))

    def send_init_msg(self):
        """The server begins by itself when all clients have joined."""

    def start_training_round(self):
        """The server does it."""
        raise CompatError(_WHEN)

    def send_message_init_config(self, receive_id, global_model_params):
        raise CompatError(_SENT)

    def send_message_sync_model_to_client(self, receive_id, global_model_params):
        raise CompatError(_SENT)

    def send_message_test_model_on_clients(self, receiver_id, global_model_params, round_idx):
        raise CompatError(_SENT)

    def _has_results(self):
        return self.aggregator.result_aggregator is not None or overridden(
            self.aggregator, FedAVGAggregator, ("add_test_result", "aggregate_test_result")
        )

    def _made_like(self, arrays):
        return ParamsLike(self._like).make(arrays)

    def _aggregate(self, round_idx, base, updates):
        """`base`: the model that they trained from, as arrays; `updates`: (client, arrays, samples), ascending by client.
        Returns the next model as arrays."""
        self.round_idx = round_idx
        aggregator = self.aggregator
        aggregator.model_dict, aggregator.sample_num_dict = {}, {}
        # FineFL's aggregate finds the model of the round before in the trainer.
        FedAVGAggregator.set_global_model_params(aggregator, self._made_like(base))
        aggregator.set_client_indexes([client for client, _, _ in updates])
        kind = MyMessage.MSG_TYPE_C2S_SEND_MODEL_TO_SERVER
        for client, arrays, samples in updates:
            self._handle(Message(kind, client + 1, 0, model_params=self._made_like(arrays), num_samples=samples))
        params = aggregator.aggregate()
        name = f"{type(aggregator).__name__}.aggregate"
        if params is None:
            raise CompatError(f"{name} returned None; it must return the model's parameters.")
        return to_arrays(params, name)

    def _results(self, round_idx, results):
        """`results`: by client. Returns named numbers; what goes wrong costs the round its results."""
        kind = MyMessage.MSG_TYPE_C2S_SEND_TEST_RESULT_TO_SERVER
        self.aggregator._tests = {round_idx: sorted(results)}
        try:
            for client, one in sorted(results.items()):
                told = {"test_result": one["result"], "num_samples": one["sample_number"], "round_idx": round_idx}
                self._handle(Message(kind, client + 1, 0, **told))
            made = self.aggregator.aggregate_test_result(round_idx)
        except Exception:
            traceback.print_exc(file=sys.stderr)
            raise
        return to_results(made, f"{type(self.aggregator).__name__}.aggregate_test_result")
