"""FineFL's way in: every rank calls the same."""

from .aggregator import FedAVGAggregator
from .client_manager import FedAVGClientManager
from .local_trainer import FedAVGTrainer
from .server_manager import FedAVGServerManager


def FedML_FedAvg_distributed(
    process_id,
    worker_number,
    device,
    comm,
    model,
    args,
    train_path,
    test_path,
    result_aggregator,
    model_trainer=None,
):
    """Rank 0 serves, the others are clients; returns when the run is complete, with its model saved.

    Raises `CompatError`, and in rank 0 what the user's own `aggregate` raises."""
    if process_id == 0:
        init_server(args, device, comm, process_id, worker_number, model, result_aggregator, model_trainer)
    else:
        init_client(args, device, comm, process_id, worker_number, model, train_path, test_path, model_trainer)


def init_server(args, device, comm, rank, size, model, result_aggregator, model_trainer):
    aggregator = FedAVGAggregator(size - 1, device, args, result_aggregator, model_trainer)
    manager = FedAVGServerManager(args, aggregator, comm, rank, size)
    manager.send_init_msg()
    manager.run()


def init_client(args, device, comm, process_id, size, model, train_path, test_path, model_trainer=None):
    trainer = FedAVGTrainer(process_id - 1, device, args, train_path, test_path, model_trainer)
    FedAVGClientManager(args, trainer, comm, process_id, size).run()
