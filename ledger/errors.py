"""Who is at fault when something from outside is not as it must be.

An expected outcome is a value (`Refusal`), never an exception. `RemoteError` is the peer's fault and is raised only
while bytes are being read; `LocalError` is ours. A refusal's reason is one member of a closed enumeration, and its
value is the stable code that is recorded for ever in a block (SPEC B-6), so a code is never renamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LocalError(Exception):
    """We broke one of our own rules; the program is wrong."""


class RemoteError(ValueError):
    """What somebody else sent breaks a rule; `reason` is one sentence without their text in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Reason(StrEnum):
    """Why an entry cannot be included, or was included and refused; shared by all families."""

    MALFORMED = "entry.malformed"
    OTHER_NETWORK = "entry.other-network"
    UNKNOWN_KEY = "entry.unknown-key"
    KEY_ENDED = "entry.key-ended"
    WRONG_ROLE = "entry.wrong-role"
    SEQUENCE_USED = "entry.sequence-used"
    SEQUENCE_AHEAD = "entry.sequence-ahead"
    LAPSED = "entry.lapsed"
    TOO_FAR_AHEAD = "entry.until-too-far"
    INVITATION_SPENT = "entry.invitation-spent"
    SIGNATURE = "entry.signature"
    ALLOWANCE = "entry.allowance"
    EPOCH_CLOSED = "entry.epoch-closed"
    NOT_A_MEMBER = "member.unknown"
    TOO_LITTLE = "account.too-little"
    TOO_MUCH = "account.too-much"
    NO_SUCH_HOLD = "hold.unknown"
    HOLD_EXISTS = "hold.exists"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A rule said no; nothing was changed."""

    reason: StrEnum
    """Its value is the stable code recorded on the ledger."""
    detail: str = ""
    """One sentence for a person; never recorded, so its wording may change."""

    @property
    def code(self) -> str:
        """The stable code, e.g. ``account.too-little``."""
        return str(self.reason.value)
