"""Small programs without PyTorch, one for each thing that FineFL's classes may be asked for:
`small.py NAME [ROUNDS]`."""

import argparse
import sys
import time

import numpy as np

from fedloom import compat
from fedloom.trainer import ModelTrainer


class AddTrainer(ModelTrainer):
    """Client i adds i + 1, and has i + 1 samples."""

    def __init__(self):
        super().__init__(None)
        self.params = {"w": np.zeros(3, np.float32), "count": np.int64(0)}

    def get_model_params(self):
        return self.params

    def set_model_params(self, model_parameters):
        assert isinstance(model_parameters["count"], np.int64), type(model_parameters["count"])
        self.params = model_parameters

    def get_local_sample_number(self, path):
        return self.id + 1

    def train(self, device, args, train_path):
        self.params = {"w": self.params["w"] + np.float32(self.id + 1), "count": self.params["count"] + np.int64(1)}

    def test(self, device, args, test_path):
        return {"first": float(self.params["w"][0])}


class Failing(compat.FedAVGAggregator):
    def aggregate(self):
        raise ValueError("no aggregate today")


class Sampling(compat.FedAVGAggregator):
    def client_sampling(self, round_idx, client_num_in_total, client_num_per_round):
        return [0]


class Hurrying(compat.FedAVGAggregator):
    def check_whether_all_receive(self):
        return True


class Adding(compat.FedAVGAggregator):
    """Doubles what clients sent, where it is added; the mean stays that of FineFL."""

    def add_local_trained_result(self, index, model_params, sample_num):
        doubled = {name: 2 * value for name, value in model_params.items()}
        super().add_local_trained_result(index, doubled, sample_num)

    def aggregate_test_result(self, round_idx):
        results = self.result_dict.pop(round_idx)
        return {"clients": len(results), "most": max(one["result"]["first"] for one in results.values())}


class Sending(compat.FedAvgServerManager):
    def send_message_init_config(self, receive_id, global_model_params):
        pass


class Listening(compat.FedAvgServerManager):
    """Counts what came, and hands it on."""

    seen = 0

    def handle_message_receive_model_from_client(self, msg_params):
        assert msg_params.get_sender_id() == msg_params.get("sender") in (1, 2)
        Listening.seen += 1
        super().handle_message_receive_model_from_client(msg_params)


class Halving(compat.FedAvgClientManager):
    """Sends half of what was learned, and says which handlers were called."""

    calls = ()

    def handle_message_init(self, msg_params):
        self.calls += ("init",)
        super().handle_message_init(msg_params)

    def handle_message_receive_model_from_server(self, msg_params):
        self.calls += ("sync",)
        super().handle_message_receive_model_from_server(msg_params)

    def send_model_to_server(self, receive_id, weights, local_sample_num):
        halved = {"w": weights["w"] / np.float32(2), "count": weights["count"]}
        super().send_model_to_server(receive_id, halved, local_sample_num)


class Silent(compat.FedAvgClientManager):
    """Client 1 sends nothing."""

    def send_model_to_server(self, receive_id, weights, local_sample_num):
        if self.rank == 1:
            super().send_model_to_server(receive_id, weights, local_sample_num)


AGGREGATORS = {"failing": Failing, "sampling": Sampling, "hurrying": Hurrying, "adding": Adding}
SERVERS = {"sending": Sending, "listening": Listening}
CLIENTS = {"halving": Halving, "silent": Silent}


class SlowTrainer(AddTrainer):
    def train(self, device, args, train_path):
        time.sleep(0.3)
        super().train(device, args, train_path)


def main(name, rounds="2"):
    comm, rank, size = compat.FedML_init()
    args = argparse.Namespace(client_num_in_total=2, client_num_per_round=2, comm_round=int(rounds))
    trainer = SlowTrainer() if name == "slow" else AddTrainer()
    if rank == 0:
        aggregator = AGGREGATORS.get(name, compat.FedAVGAggregator)(size - 1, "cpu", args, None, trainer)
        SERVERS.get(name, compat.FedAVGServerManager)(args, aggregator, comm, rank, size).run()
        print(trainer.params["w"].tolist(), int(trainer.params["count"]), Listening.seen)
    else:
        local = compat.FedAVGTrainer(rank - 1, "cpu", args, "train", "test", trainer)
        manager = CLIENTS.get(name, compat.FedAVGClientManager)(args, local, comm, rank, size)
        manager.run()
        print(*getattr(manager, "calls", ()))


if __name__ == "__main__":
    main(*sys.argv[1:])
