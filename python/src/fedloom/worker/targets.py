"""Finds what `f.py:Name` and `package.module:Name` mean."""

import difflib
import importlib
import importlib.util
import os
import sys
import traceback

from fedloom.worker.problem import Problem

_loaded = {}


def find(target):
    """`{"place": "/abs/f.py" or "package.module", "name": "Name"}` as the object that it names."""
    place, name = target["place"], target["name"]
    module = _module(place)
    if hasattr(module, name):
        return getattr(module, name)
    known = [one for one in vars(module) if not one.startswith("_")]
    close = difflib.get_close_matches(name, known, 1)
    hint = " Did you mean %s?" % close[0] if close else ""
    raise Problem("python.load", "%s has no %s.%s" % (place, name, hint), target=place)


def has(target):
    return hasattr(_module(target["place"]), target["name"])


def _module(place):
    if place not in _loaded:
        if place.endswith(".py"):
            if not os.path.isfile(place):
                raise Problem("python.load", "There is no file %s." % place, target=place)
            folder = os.path.dirname(place)
            if folder not in sys.path:
                # As for a program that is started: what lies beside it can be imported.
                sys.path.insert(0, folder)
        _loaded[place] = _import(place)
    return _loaded[place]


def _import(place):
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        stem = os.path.splitext(os.path.basename(place))[0]
        # Under its own name, so that child processes of a data loader find it too.
        name = stem if stem.isidentifier() and stem not in sys.modules else "fedloom_user_%d" % len(_loaded)
        spec = importlib.util.spec_from_file_location(name, place)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module
    except Exception as error:
        told = "".join(traceback.format_exception_only(type(error), error)).strip()
        where = user_frames(error)
        hint = ""
        if isinstance(error, ModuleNotFoundError) and error.name:
            hint = " Install it for %s, or name another Python." % sys.executable
        raise Problem("python.load", "Cannot import %s: %s%s%s" % (place, told, hint, where), target=place)


def user_frames(error):
    """The traceback without the frames of the import machinery and of this package, or nothing."""
    here = os.path.dirname(os.path.abspath(__file__))
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen importlib") and os.path.dirname(frame.filename) != here
    ]
    return "" if not frames else "\n" + "".join(traceback.format_list(frames)).rstrip()
