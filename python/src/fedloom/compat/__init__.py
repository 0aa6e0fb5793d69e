"""FineFL's names, so that its programs run with one changed import:

    from fedloom.compat import FedML_init, FedML_FedAvg_distributed

Every rank runs the same program. Rank 0 starts fedloom's server, which samples, sends, checks, folds, records and saves as
ever; every other rank is a client of it. Methods that a class of the user's overrides are called where FineFL calls them;
an override that could not be honoured is refused at the start, by name.
"""

from ..worker.names import stand_in
from .aggregator import FedAVGAggregator
from .api import FedML_FedAvg_distributed, init_client, init_server
from .client_manager import FedAVGClientManager
from .errors import CompatError
from .local_trainer import FedAVGTrainer
from .messages import Message, MyMessage
from .ranks import FedML_init
from .server_manager import FedAVGServerManager

FedAvgServerManager, FedAvgClientManager = FedAVGServerManager, FedAVGClientManager

# What is imported after this finds FineFL's base class too.
stand_in()

__all__ = [
    "CompatError",
    "FedAVGAggregator",
    "FedAVGClientManager",
    "FedAVGServerManager",
    "FedAVGTrainer",
    "FedAvgClientManager",
    "FedAvgServerManager",
    "FedML_FedAvg_distributed",
    "FedML_init",
    "Message",
    "MyMessage",
    "init_client",
    "init_server",
]
