"""A daemon that counts its own checks of certificates: `dpnode.process` with a clock around two of its functions.

Every certificate that a node takes from a peer is decoded by `read_certificate` and verified by `check_certificate`,
wherever that happens. The clock is that of the thread's processor time; when the daemon was stopped, the sums are
written into its home.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dpnode.daemon  # noqa: F401  (whatever may check a certificate has to be loaded before it can be counted)
from dpnode import process
from ledger.consensus import votes

WRITTEN = "certificates.json"
COUNTED = ("check_certificate", "read_certificate")


@dataclass(slots=True)
class Counter:
    """What one function has cost."""

    calls: int = 0
    signatures: int = 0
    seconds: float = 0.0
    """Of processor time, in the thread that called."""

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, counted."""

        def counted(*given: Any, **named: Any) -> Any:
            began_s = time.thread_time()
            try:
                return function(*given, **named)
            finally:
                self.seconds += time.thread_time() - began_s
                self.calls += 1
                if given and isinstance(given[0], votes.Certificate):
                    self.signatures += len(given[0].votes)

        return counted


def main() -> int:
    """Run the daemon; write the sums once it has ended."""
    counters: dict[str, Counter] = {}
    for name in COUNTED:
        function = getattr(votes, name)
        counted = counters.setdefault(name, Counter()).around(function)
        for module in list(sys.modules.values()):
            if getattr(module, name, None) is function:
                setattr(module, name, counted)
    status = process.main()
    home = Path(sys.argv[sys.argv.index("--home") + 1])
    sums = {name: [one.calls, one.signatures, one.seconds] for name, one in counters.items()}
    (home / WRITTEN).write_text(json.dumps(sums), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
