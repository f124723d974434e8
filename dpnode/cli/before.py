"""What stood before the command: `dpnode --home DIR status` means what `dpnode status --home DIR` means.

Behind the command wins, because it was written later. It has a file of its own so that the overview need not import
the frame of the commands.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """Options given to `dpnode` itself; kept in click's context object."""

    home: str | None = None
    as_json: bool = False
