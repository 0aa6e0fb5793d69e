"""The modules from which FineFL's and FedML's users import their base classes, where those are not installed."""

import importlib.machinery
import sys
import types

import fedloom.trainer

_TRAINERS = {
    "fedml_core.trainer.model_trainer": {"ModelTrainer": fedloom.trainer.ModelTrainer},
    "fedml.core.alg_frame.client_trainer": {"ClientTrainer": fedloom.trainer.ClientTrainer},
    "fedml.core": {"ClientTrainer": fedloom.trainer.ClientTrainer},
}


class _Finder:
    """Asked last, so that an installed FedML is found before it."""

    def __init__(self, modules):
        self._modules = modules
        self._packages = {name.rsplit(".", depth)[0] for name in modules for depth in range(1, name.count(".") + 1)}

    def find_spec(self, name, path=None, target=None):
        if name not in self._modules and name not in self._packages:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=name in self._packages)

    def create_module(self, spec):
        return types.ModuleType(spec.name, "Stands in for FedML's module of this name; part of fedloom.")

    def exec_module(self, module):
        vars(module).update(self._modules.get(module.__name__, {}))


def stand_in():
    sys.meta_path.append(_Finder(_TRAINERS))
