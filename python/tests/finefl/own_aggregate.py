"""main_fedavg.py with an aggregate of its own: the plain mean, whatever the clients' samples, kept near the last model."""

import copy

import main_fedavg
import torch
from fedloom.compat import FedAVGAggregator, FedAVGServerManager, FedML_init, init_client


class PlainMean(FedAVGAggregator):
    returned = None

    def aggregate(self):
        last = copy.deepcopy(self.get_global_model_params())
        if self.returned is not None:
            # The server's model is what was returned, to the bit.
            assert all(torch.equal(last[name], value) for name, value in self.returned.items())
        assert sorted(self.sample_num_dict.items()) == [(0, 40), (1, 60)], self.sample_num_dict
        mean = {
            name: value + sum(0.25 * (self.model_dict[index][name] - value) for index in self.client_indexes)
            if value.is_floating_point()
            else self.model_dict[0][name]
            for name, value in last.items()
        }
        self.set_global_model_params(mean)
        self.returned = mean
        print("aggregated", self.client_indexes)
        return mean


def main():
    comm, process_id, worker_number = FedML_init()
    args = main_fedavg.add_args(main_fedavg.argparse.ArgumentParser())
    torch.manual_seed(0)
    model = main_fedavg.create_model()
    trainer = main_fedavg.MLPTrainer(model)
    if process_id == 0:
        aggregator = PlainMean(worker_number - 1, "cpu", args, main_fedavg.MLPResultAggregator(), trainer)
        manager = FedAVGServerManager(args, aggregator, comm, process_id, worker_number)
        manager.send_init_msg()
        manager.run()
        last = trainer.get_model_params()
        assert all(torch.equal(last[name], value) for name, value in aggregator.returned.items())
    else:
        paths = ["%s/client_%d_%s" % (args.data_path, process_id, split) for split in ("train", "test")]
        init_client(args, "cpu", comm, process_id, worker_number, model, *paths, model_trainer=trainer)


if __name__ == "__main__":
    main()
