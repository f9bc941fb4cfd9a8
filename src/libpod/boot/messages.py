"""The IDs of our entries in the journal, by which `journalctl MESSAGE_ID=…` finds all entries of a kind.

Made once with `systemd-id128 new`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

REFRESH: Final = "d97b3f71d6a74d879720b9b4a7c1c052"
QUARANTINE: Final = "a330f23e62354b379da6323d82dfb198"
