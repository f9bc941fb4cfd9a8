"""Names for containers and pods, and their IDs."""

from __future__ import annotations

import os

from libpod.errors import InternalError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NAME = r"[a-zA-Z0-9][a-zA-Z0-9_.-]*"
_ATTEMPTS = 1000

_ADJECTIVES = (
    "able", "agile", "amber", "ample", "ardent", "artful", "balmy", "blithe", "bold", "brave", "bright",
    "brisk", "calm", "candid", "careful", "cheerful", "clever", "cosmic", "cozy", "crisp", "curious",
    "daring", "deft", "eager", "earnest", "elegant", "fair", "faithful", "fancy", "fearless", "fond",
    "frank", "fresh", "friendly", "gallant", "gentle", "genuine", "glad", "golden", "graceful", "grand",
    "happy", "hardy", "hearty", "honest", "hopeful", "humble", "jolly", "jovial", "keen", "kind",
    "lively", "loyal", "lucid", "lucky", "mellow", "merry", "mighty", "modest", "neat", "nifty", "nimble",
    "noble", "patient", "placid", "plucky", "polite", "proud", "quick", "quiet", "rapid", "ready",
    "robust", "serene", "sharp", "shiny", "silent", "sincere", "sleek", "smart", "snug", "sober", "solid",
    "spry", "stable", "steady", "stoic", "sturdy", "subtle", "sunny", "swift", "tidy", "tranquil",
    "trusty", "upbeat", "valiant", "vivid", "warm", "wise", "witty", "zealous",
)  # fmt: skip
_SURNAMES = (
    "abel", "agnesi", "archimedes", "babbage", "bardeen", "bartik", "bell", "bhabha", "bohr", "boole",
    "born", "bose", "brahe", "cannon", "carson", "cerf", "chandrasekhar", "clarke", "conway", "cori",
    "curie", "darwin", "descartes", "diffie", "dijkstra", "einstein", "elion", "engelbart", "euclid",
    "euler", "faraday", "fermat", "fermi", "feynman", "franklin", "galileo", "galois", "gauss", "germain",
    "goodall", "hamilton", "hamming", "hawking", "heisenberg", "hellman", "hertz", "hilbert", "hodgkin",
    "hopper", "hypatia", "jang", "jennings", "johnson", "joliot", "kalam", "kepler", "khayyam", "kilby",
    "knuth", "kovalevskaya", "lamarr", "leavitt", "lovelace", "maxwell", "mayer", "mcclintock", "meitner",
    "mendel", "mirzakhani", "nash", "neumann", "newton", "nightingale", "nobel", "noether", "noyce",
    "pascal", "pasteur", "perlman", "planck", "poincare", "ptolemy", "raman", "ramanujan", "ride",
    "ritchie", "rubin", "sagan", "shannon", "shockley", "sinoussi", "spence", "stallman", "sutherland",
    "swartz", "tesla", "thompson", "torvalds", "turing", "varahamihira", "volhard", "wescoff", "wilson",
    "wing", "wright", "wu", "yalow", "yonath", "zhukovsky",
)  # fmt: skip


def generate(taken: Callable[[str], bool]) -> str:
    """A name `adjective_surname` for which *taken* is false."""
    for _attempt in range(_ATTEMPTS):
        name = f"{_one_of(_ADJECTIVES)}_{_one_of(_SURNAMES)}"
        if not taken(name):
            return name
    raise InternalError(f"no free name found in {_ATTEMPTS} attempts")


def _one_of(words: Sequence[str]) -> str:
    # Not the module `random`: its import takes longer than all else that is done for a name.
    return words[int.from_bytes(os.urandom(4)) % len(words)]


def check(name: str, kind: str) -> str:
    """*name* if it may be the name of a *kind*; else InvalidArgument."""
    import re

    if not re.fullmatch(_NAME, name):
        raise InvalidArgument(
            f"{kind} name {name!r} is not allowed",
            hint="names begin with a letter or digit and go on with letters, digits, '_', '.' and '-'",
        )
    return name


def new_id() -> str:
    """64 random hexadecimal digits, of which the first twelve are not all decimal.

    Twelve digits are what people see and type; a number there could be taken for something else.
    """
    while True:
        identifier = os.urandom(32).hex()
        if not identifier[:12].isdigit():
            return identifier
