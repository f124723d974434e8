"""The six things workshops say to each other before an award; each to and from the body of an envelope.

Names are the contract net's (FIPA SC00029H): call for proposals, propose, refuse, counter, reject, not understood.
Only the call, the proposal and the counter are signed: the first two can be shown to an arbiter, the third says who
wished what. Everything else is courtesy: losing any of these messages costs time, never correctness (SPEC N-3).

Invariant: `from_value(m.TYPE, m.to_value()) == m`; no text with control or direction-changing characters gets in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from ledger.canonical import Value
from ledger.form import ID, Choice, Form, Malformed, Map, Text
from ledger.operations.work_terms import PURPOSE as PROPOSAL
from ledger.statement import STATEMENT, Statement, read_statement
from protocol.negotiation.contents import CALL, COUNTER
from protocol.negotiation.limits import TEXT_BYTES_MAX
from protocol.negotiation.reasons import Reason

_SIGNED = Map({"statement": STATEMENT})
_TEXT = Text(TEXT_BYTES_MAX)
_REASON = Choice(*(reason.value for reason in Reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class CallForProposals:
    """Customer to provider: this is wanted; propose or refuse."""

    TYPE: ClassVar[str] = "call"
    statement: Statement

    def to_value(self) -> Value:
        """The body of the envelope."""
        return {"statement": self.statement.to_value()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Propose:
    """Provider to customer: I bind myself to this while it stands."""

    TYPE: ClassVar[str] = "propose"
    statement: Statement

    def to_value(self) -> Value:
        """The body of the envelope."""
        return {"statement": self.statement.to_value()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Provider to customer: no, and why."""

    TYPE: ClassVar[str] = "refuse"
    call: bytes
    reason: Reason
    text: str

    def to_value(self) -> Value:
        """The body of the envelope."""
        return {"call": self.call, "reason": self.reason.value, "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """Either way: propose (or call) differently, and here is how; binds nobody."""

    TYPE: ClassVar[str] = "counter"
    statement: Statement

    def to_value(self) -> Value:
        """The body of the envelope."""
        return {"statement": self.statement.to_value()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Customer to provider, a courtesy: this will not be awarded. It frees nothing, since it can be taken back."""

    TYPE: ClassVar[str] = "reject"
    call: bytes
    proposal: bytes
    text: str

    def to_value(self) -> Value:
        """The body of the envelope."""
        return {"call": self.call, "proposal": self.proposal, "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class NotUnderstood:
    """Either way: what you sent under this id breaks a rule, and which."""

    TYPE: ClassVar[str] = "not-understood"
    about: bytes
    reason: Reason
    text: str

    def to_value(self) -> Value:
        """The body of the envelope."""
        return {"about": self.about, "reason": self.reason.value, "text": self.text}


Message = CallForProposals | Propose | Refuse | Counter | Reject | NotUnderstood

_FORMS: MappingProxyType[str, Form] = MappingProxyType(
    {
        CallForProposals.TYPE: _SIGNED,
        Propose.TYPE: _SIGNED,
        Refuse.TYPE: Map({"call": ID, "reason": _REASON, "text": _TEXT}),
        Counter.TYPE: _SIGNED,
        Reject.TYPE: Map({"call": ID, "proposal": ID, "text": _TEXT}),
        NotUnderstood.TYPE: Map({"about": ID, "reason": _REASON, "text": _TEXT}),
    }
)

_READ: MappingProxyType[str, Callable[[Value], Message]] = MappingProxyType(
    {
        CallForProposals.TYPE: lambda body: CallForProposals(statement=read_statement(CALL, body["statement"])),
        Propose.TYPE: lambda body: Propose(statement=read_statement(PROPOSAL, body["statement"])),
        Refuse.TYPE: lambda body: Refuse(call=body["call"], reason=Reason(body["reason"]), text=body["text"]),
        Counter.TYPE: lambda body: Counter(statement=read_statement(COUNTER, body["statement"])),
        Reject.TYPE: lambda body: Reject(call=body["call"], proposal=body["proposal"], text=body["text"]),
        NotUnderstood.TYPE: lambda body: NotUnderstood(
            about=body["about"], reason=Reason(body["reason"]), text=body["text"]
        ),
    }
)

TYPES = tuple(_FORMS)
"""The types an envelope may carry to this room."""


def from_value(kind: str, body: Value) -> Message:
    """The message of type `kind` in `body`; raises `Malformed`. Signatures are not checked here."""
    form = _FORMS.get(kind)
    if form is None:
        raise Malformed("type", "no message of the negotiation has this type")
    form.check(body)
    return _READ[kind](body)
