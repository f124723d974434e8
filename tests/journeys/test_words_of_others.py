"""What others wrote, on this owner's terminal: offers that lapsed, names that deceive, designs full of escapes.

One member is a raw host with real keys that says what no daemon of ours would.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from dpnode.control.questions.capability import CapabilityAdd, DirectorySearch
from dpnode.control.questions.holdings import AssetRegister, CreditIssue, CreditOpen
from dpnode.control.questions.job import JobAward, JobCall, JobShow
from dpnode.errors import FailKind
from ledger.names import Kind, parse_id, show_id
from ledger.operations.work_terms import PURPOSE
from ledger.statement import Statement, read_statement, sign_statement
from protocol.messages import Talk
from protocol.negotiation.contents import CALL, Call, read_call
from tests.journeys.nodes import SAMPLES, Node, level, offer_file, street, until
from tests.journeys.raw import Raw, raw_member, settled

COUNTERFEIT = "ad\u0430"
"""The last letter is Cyrillic."""
COVERING = "z" + "\u0300" * 20
ESCAPES = "\x1b[2J\x1b]0;owned\x07"
STANDS_MS = 1_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """An honest customer, and a workshop that is only a raw host by now but whose advert stands."""

    customer: Node
    quick: Node
    credit: bytes
    folder: Path


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with street() as made:
        customer, quick = made.node("ada"), made.node(COUNTERFEIT)
        made.network(customer, quick)
        credit = customer.ask(CreditOpen(symbol="EUR", redeemable="bread"))["credit"]
        customer.ask(CreditIssue(amount="100.00 EUR"))
        until(lambda: level(customer, quick), "the credit to be known")
        quick.ask(CapabilityAdd(path=str(offer_file(made.folder, "printer.toml"))))
        quick.ask(AssetRegister(label=COVERING, kind="tool"))
        until(lambda: customer.ask(DirectorySearch())["adverts"], "the advert")
        until(lambda: level(customer, quick), "the same ledger")
        quick.stop()
        yield Scene(customer=customer, quick=quick, credit=parse_id(Kind.CREDIT, credit), folder=made.folder)


def proposal(scene: Scene, call: Call, until_ms: int) -> Statement:
    """A binding offer that stands no longer than this."""
    content = {
        "arbiters": [scene.customer.identity.member],
        "call": call.id,
        "customer": call.customer,
        "deliver_by": call.deliver_by_ms,
        "function": call.function,
        "network": call.network,
        "nonce": os.urandom(16),
        "parameters": dict(call.parameters),
        "price": [{"amount": 100, "id": scene.credit, "kind": "credit"}],
        "provider": scene.quick.identity.member,
        "quantity": call.quantity,
        "terms": {
            "cancel": {"awarded": 0, "delivered": 10_000, "started": 5_000},
            "inspection_ms": 7 * 86_400_000,
            "silence_ms": 14 * 86_400_000,
            "silence_split_bp": 5_000,
            "void_after_ms": 3 * 86_400_000,
        },
        "until": until_ms,
    }
    if call.design is not None:
        content["design"] = call.design
    if call.part is not None:
        content["part"] = call.part
    return sign_statement(PURPOSE, content, scene.quick.identity.working)


async def called(scene: Scene, quick: Raw) -> Call:
    """The customer calls; what the raw workshop hears of it."""
    asked = JobCall(design=str(SAMPLES / "okh.toml"), part="Hook", quantity=1)
    answer = await trio.to_thread.run_sync(scene.customer.ask, asked)
    assert len(answer["asked"]) == 1
    talk = await quick.hears(Talk)
    while talk.kind != "call":
        talk = await quick.hears(Talk)
    return read_call(read_statement(CALL, talk.body["statement"]))


async def test_an_award_after_the_offer_lapsed_is_refused_and_says_so(scene: Scene) -> None:
    async with raw_member(scene.quick, scene.customer) as quick:
        call = await called(scene, quick)
        offered = proposal(scene, call, time.time_ns() // 1_000_000 + STANDS_MS)
        await quick.say(Talk(kind="propose", body={"statement": offered.to_value()}))
        shown = JobShow(id=show_id(Kind.CALL, call.id))
        rows = await settled(lambda: scene.customer.ask(shown)["proposals"], "the proposal to arrive")
        assert rows[0]["state"] == "received"
        await settled(lambda: scene.customer.ask(shown)["proposals"][0]["state"] == "lapsed", "the offer to lapse")
        before = scene.customer.root()
        problem = await trio.to_thread.run_sync(scene.customer.refuses, JobAward(proposals=(rows[0]["id"],)))
        assert problem.kind is FailKind.REFUSED
        assert "time is over" in problem.sentence or "expired" in problem.sentence or "lapsed" in problem.sentence
        assert scene.customer.root() == before


async def test_a_refusal_with_escapes_in_it_is_no_message_and_costs_the_link(scene: Scene) -> None:
    async with raw_member(scene.quick, scene.customer) as quick:
        call = await called(scene, quick)
        body = {"call": call.id, "reason": "declined", "text": f"no {ESCAPES}"}
        await quick.say(Talk(kind="refuse", body=body))
        shown = JobShow(id=show_id(Kind.CALL, call.id))
        assert not any("no " in line["text"] for line in scene.customer.ask(shown)["journal"])
    assert "\x1b" not in scene.customer.log()


LOOKING = (
    ("network", "members"),
    ("peers",),
    ("directory",),
    ("job", "list"),
    ("inbox",),
    ("ledger", "journal"),
    ("ledger", "balance", "--all"),
    ("asset", "list", "--all"),
)


@pytest.mark.parametrize("words", LOOKING, ids=" ".join)
def test_names_that_deceive_are_marked_and_nothing_invisible_is_printed(scene: Scene, words: tuple[str, ...]) -> None:
    done = scene.customer.dpnode(*words)
    assert done.returncode == 0, done.stderr
    assert all(sign.isprintable() or sign == "\n" for sign in done.stdout + done.stderr)
    assert "\u0300" * 4 not in done.stdout, "marks that would cover the lines above"
    for line in done.stdout.splitlines():
        assert COUNTERFEIT not in line or "mixes Cyrillic and Latin" in line, line
    as_json = scene.customer.dpnode(*words, "--json")
    assert json.loads(as_json.stdout.splitlines()[-1]) is not None
    assert all(sign.isprintable() or sign == "\n" for sign in as_json.stdout)


def test_a_design_full_of_escapes_moves_no_terminal(scene: Scene) -> None:
    path = scene.folder / "evil.toml"
    text = (SAMPLES / "okh.toml").read_text("utf-8")
    evil = json.dumps(f"Hook {ESCAPES}")
    for old, new in (('name = "Hook"', f"name = {evil}"), ('name = "Tool rail"', f"name = {evil}")):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, "utf-8")
    for words in (("--part", "Hoo"), (), ("--part", "Rail"), ("--part", f"Hook {ESCAPES}")):
        done = scene.customer.dpnode("job", "call", "--design", str(path), *words)
        shown = done.stdout + done.stderr
        assert shown
        assert all(sign.isprintable() or sign == "\n" for sign in shown), shown
