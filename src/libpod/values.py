"""What classes need of `typing`, without its import: most starts of the command need no more of it.

To import `typing` and to let it compile the annotations of our some fifty classes takes a tenth of the time
of a short command; what `collections.namedtuple` does for each of them, which compiles a `__new__` from text,
half of that again. Type checkers see typing's own.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
    from typing import Protocol as Protocol
else:
    from _operator import itemgetter

    class _Maker(type):
        """Turns the annotations of a class into the fields of a tuple."""

        def __new__(cls, name, bases, namespace):
            if not bases:
                return super().__new__(cls, name, bases, namespace)
            fields = tuple(namespace.get("__annotations__", ()))
            defaults = {field: namespace[field] for field in fields if field in namespace}
            namespace |= {field: property(itemgetter(index)) for index, field in enumerate(fields)}
            namespace |= {"__slots__": (), "_fields": fields, "_field_defaults": defaults}
            namespace["__match_args__"] = fields
            return type(name, (_Tuple,), namespace)

    class NamedTuple(metaclass=_Maker):
        """Base of a class whose annotations are the fields of a tuple."""

    class _Tuple(tuple):
        """What the tuples have in common, as `typing.NamedTuple` has it."""

        __slots__ = ()

        def __new__(cls, *values, **named):
            fields = cls._fields
            if named or len(values) != len(fields):
                values = (*values, *_rest(cls, len(values), named))
            return tuple.__new__(cls, values)

        @classmethod
        def _make(cls, values):
            return cls(*values)

        def _replace(self, **named):
            values = [named.pop(field, value) for field, value in zip(self._fields, self, strict=True)]
            if named:
                raise ValueError(f"Got unexpected field names: {list(named)!r}")
            return tuple.__new__(type(self), values)

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self):
            shown = ", ".join(f"{field}={value!r}" for field, value in self._asdict().items())
            return f"{type(self).__name__}({shown})"

        def __getnewargs__(self):
            return tuple(self)

    def _rest(cls, count, named):
        """The values of the fields from number *count* on; TypeError as for any call that does not fit."""
        fields, defaults = cls._fields, cls._field_defaults
        for name in named:
            if name not in fields[count:]:
                what = "multiple values for" if name in fields else "an unexpected keyword"
                raise TypeError(f"{cls.__name__}() got {what} argument {name!r}")
        if count > len(fields):
            raise TypeError(f"{cls.__name__}() takes {len(fields)} arguments but {count} were given")
        missing = [field for field in fields[count:] if field not in named and field not in defaults]
        if missing:
            raise TypeError(f"{cls.__name__}() is missing arguments: {', '.join(missing)}")
        return [named[field] if field in named else defaults[field] for field in fields[count:]]

    class Protocol:
        """Base of a class that says what others must have."""
