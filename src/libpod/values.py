"""What classes need of `typing`, without its import: most starts of the command need no more of it.

To import `typing` and to let it compile the annotations of our some fifty classes takes a tenth of the time
of a short command. Type checkers see typing's own.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
    from typing import Protocol as Protocol
else:
    from collections import namedtuple

    _OWN = {"__module__", "__qualname__", "__annotations__", "__classcell__"}

    class _Maker(type):
        def __new__(cls, name, bases, namespace):
            if not bases:
                return super().__new__(cls, name, bases, namespace)
            fields = namespace.get("__annotations__", {})
            defaults = [namespace[field] for field in fields if field in namespace]
            made = namedtuple(name, fields, defaults=defaults, module=namespace["__module__"])
            made.__annotations__ = dict(fields)
            made.__qualname__ = namespace["__qualname__"]
            for key, value in namespace.items():
                if key not in _OWN and key not in fields:
                    setattr(made, key, value)
            return made

    class NamedTuple(metaclass=_Maker):
        """Base of a class whose annotations are the fields of a tuple."""

    class Protocol:
        """Base of a class that says what others must have."""
