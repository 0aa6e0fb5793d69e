"""Which methods a class of the user's has of its own."""

from .errors import CompatError


def overridden(thing, base, names):
    """Those of the methods `names` of `base` that `thing` has otherwise."""
    return [name for name in names if name in vars(thing) or getattr(type(thing), name, None) is not getattr(base, name)]


def refuse_overrides(thing, base, reasons):
    """`reasons`: by method, why an override would have no effect. Raises `CompatError`."""
    for name in overridden(thing, base, reasons):
        raise CompatError(f"{type(thing).__name__} overrides {base.__name__}.{name}, which cannot have an effect: {reasons[name]}")
