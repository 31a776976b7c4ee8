"""What must hold before secrets are read or personal data leave: a file's mode, a host on this machine.

Enters: a path, a host. Leaves: yes or no; who asks says what is wrong.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path


def readable_by_others(path: Path) -> bool:
    """Whether anybody but its owner may read or write ``path``. Raises :class:`OSError` where there is none."""
    return bool(path.stat().st_mode & 0o077)


def is_loopback(host: str) -> bool:
    """Whether what goes to ``host`` stays on this machine; of names only ``localhost`` is known to."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
