"""The tenants file on disk: read at start, read again on SIGHUP; a faulty one leaves the old one in force."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from runtime import metrics
from schemas.tenants import Fault, Tenants, TenantsFault, parse_tenants

log = logging.getLogger(__name__)


def read_tenants(path: Path) -> Tenants:
    """The tenants of that file. Raises TenantsFault, also where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise TenantsFault([Fault(0, "", f"expected a readable UTF-8 file: {fault}")]) from None
    return parse_tenants(text)


class TenantsFile:
    """The tenants in force, `current`, and the way they change."""

    def __init__(self, path: Path) -> None:
        """Raises TenantsFault where the file is faulty."""
        self.path = path
        self.current = read_tenants(path)
        self._listeners: list[Callable[[Tenants], None]] = []

    def on_change(self, listener: Callable[[Tenants], None]) -> None:
        """Calls `listener` with the new tenants after each successful reload."""
        self._listeners.append(listener)

    def reload(self) -> bool:
        """Reads the file again. False, and the old one stays in force, where it is faulty; each fault is logged."""
        try:
            self.current = read_tenants(self.path)
        except TenantsFault as fault:
            for one in fault.faults:
                log.error("%s refused, the old one stays in force: %s", self.path, one)
            metrics.TENANTS_RELOADS.labels("refused").inc()
            return False
        metrics.TENANTS_RELOADS.labels("ok").inc()
        for listener in self._listeners:
            listener(self.current)
        log.info("%s read again: %d tenants", self.path, len(self.current.tenants))
        return True

    def reload_on_sighup(self) -> None:
        """From now on SIGHUP reads the file again. Call it in the running event loop."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)


def open_tenants(path: Path) -> TenantsFile:
    """The tenants file of a starting process; ends it with status 2 and every fault on a line of its own if it is faulty."""
    try:
        return TenantsFile(path)
    except TenantsFault as fault:
        for one in fault.faults:
            print(f"{path}: {one}", file=sys.stderr)
        sys.exit(2)
