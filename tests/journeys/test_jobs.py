"""Jobs between real nodes: by hand, by policies, to the receipt or to a bad end; and what stops one before it begins.

Four nodes stand for the whole file: the founder (witness, issues the credit, arbiter), a customer and a workshop whose
presets ask a person (`ask-me`), and a workshop whose policy decides (`accept-what-fits`).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dpnode.control.client import ask
from dpnode.control.questions.capability import CapabilityAdd, DirectorySearch
from dpnode.control.questions.holdings import CreditIssue, CreditOpen
from dpnode.control.questions.job import (
    InboxApprove,
    InboxList,
    InboxRefuse,
    InboxShow,
    JobAward,
    JobCall,
    JobCancel,
    JobClaim,
    JobDeliver,
    JobDispute,
    JobFail,
    JobList,
    JobProgress,
    JobReceive,
    JobRule,
    JobShow,
    JobWatch,
    Why,
)
from dpnode.control.questions.ledger import LedgerBalance, LedgerVerify
from dpnode.errors import FailKind, Problem
from tests.journeys.nodes import SAMPLES, Node, Street, is_refused, level, offer_file, street, until

DESIGN = SAMPLES / "okh.toml"
AUTOMATIC = {"preset": "accept-what-fits"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """The four."""

    founder: Node
    customer: Node
    workshop: Node
    automat: Node
    street: Street

    @property
    def all(self) -> tuple[Node, ...]:
        """In order of joining."""
        return (self.founder, self.customer, self.workshop, self.automat)


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    """Made once: what one job leaves behind does not hurt the next."""
    with street() as made:
        founder, customer = made.node("founder"), made.node("customer", policy={"overrides": "policy.toml"})
        # The tests call more often in a minute than a person does in a day.
        lenient = "[rate]\ncalls_per_hour = 1000\nnewcomer_calls_per_hour = 1000\ncalls_open = 64\n"
        workshop = made.node("workshop", policy={"overrides": "policy.toml"})
        automat = made.node("automat", policy=AUTOMATIC)
        (workshop.home.root / "policy.toml").write_text(lenient, "utf-8")
        # Whoever asks for an automatic award means it, up to 500.00.
        (customer.home.root / "policy.toml").write_text("[buy]\nask_above_value = 50000\n", "utf-8")
        town = Town(founder=founder, customer=customer, workshop=workshop, automat=automat, street=made)
        made.network(*town.all)
        founder.ask(CreditOpen(symbol="EUR", redeemable="one euro in goods"))
        founder.ask(CreditIssue(amount="500.00 EUR", member="customer"))
        until(lambda: level(*town.all), "the credit to be known")
        # By hand: petg. By policy: pla. So each call reaches the workshop it means.
        workshop.ask(CapabilityAdd(path=str(offer_file(made.folder, "printer.toml", material='["petg"]'))))
        workshop.ask(CapabilityAdd(path=str(offer_file(made.folder, "router.toml"))))
        automat.ask(CapabilityAdd(path=str(offer_file(made.folder, "printer.toml", material='["pla"]'))))
        until(lambda: len(customer.ask(DirectorySearch())["adverts"]) == 3, "the directory")
        yield town


def money(node: Node, member: str) -> tuple[int, int]:
    """Free and held of the one credit."""
    rows = node.ask(LedgerBalance(member=member))["accounts"]
    return (rows[0]["free"]["amount"], rows[0]["held"]["amount"]) if rows else (0, 0)


def call_by_hand(town: Town, **fields: Any) -> str:
    """The customer calls for hooks in a plastic that only the workshop with the person prints."""
    asked: dict[str, Any] = {
        "design": str(DESIGN), "part": "Hook", "parameters": {"material": "petg"}, "quantity": 4, **fields
    }
    answer = town.customer.ask(JobCall(**asked))
    assert [one["name"] for one in answer["asked"]] == ["workshop"]
    return str(answer["call"])


def proposed_by_hand(town: Town, call: str) -> dict[str, Any]:
    """The workshop's owner finds the call in the inbox and lets it go; the proposal as the customer sees it."""
    until(lambda: waits(town.workshop, call), "the call to reach the workshop's inbox")
    assert town.workshop.ask(InboxApprove(id=call))["state"] == "standing"
    shown = until(lambda: town.customer.ask(JobShow(id=call))["proposals"], "the proposal to arrive")
    return dict(shown[0])


def waits(node: Node, call: str) -> bool:
    return any(item["id"] == call for item in node.ask(InboxList())["items"])


def awarded_by_hand(town: Town, **fields: Any) -> str:
    """A job that was called, proposed and awarded by persons."""
    call = call_by_hand(town, **fields)
    proposal = proposed_by_hand(town, call)
    answer = town.customer.ask(JobAward(proposals=(proposal["id"],)))
    assert (answer["binding"], answer["state"]) == ("final", "awarded")
    until(lambda: known(town.workshop, answer["job"]), "the workshop to see the award")
    return str(answer["job"])


def known(node: Node, job: str, state: str = "") -> dict[str, Any] | None:
    """The job as a node shows it, once it does (in this state)."""
    try:
        shown = node.ask(JobShow(id=job))
    except Problem:
        return None
    return shown if state in ("", shown["state"]) else None


def test_a_job_by_hand_goes_from_both_inboxes_to_a_receipt_that_pays(town: Town) -> None:
    before = money(town.customer, "customer"), money(town.customer, "workshop")
    call = call_by_hand(town)
    until(lambda: waits(town.workshop, call), "the call to reach the workshop's inbox")
    item = town.workshop.ask(InboxShow(id=call))
    assert (item["function_name"], item["quantity"], item["parameters"]["material"]) == ("3d-printing-fdm", 4, "petg")
    assert item["left_ms"] > 0 and item["from"]["name"] == "customer"
    proposal = proposed_by_hand(town, call)
    price = proposal["price"][0]["amount"]
    assert item["price"][0]["amount"] == price, "what the inbox said is what was signed"
    until(lambda: waits(town.customer, call), "the proposals to wait for the customer")
    awarded = town.customer.ask(InboxApprove(id=call))
    assert (awarded["binding"], awarded["job"]) == ("final", proposal["id"])
    job = awarded["job"]
    assert money(town.customer, "customer") == (before[0][0] - price, before[0][1] + price), "held, not paid"

    wanted = {path.name: path.read_bytes() for path in (SAMPLES / "parts").glob("hook.*")}
    wanted["okh.toml"] = DESIGN.read_bytes()
    files = until(
        lambda: found if (found := (known(town.workshop, job) or {}).get("files", [])) and len(found) >= 3 else None,
        "the files to travel",
    )
    got = {Path(one["path"]).name.removeprefix("parts-"): Path(one["path"]).read_bytes() for one in files}
    assert digests(got) == digests(wanted)

    assert town.workshop.ask(JobProgress(id=job, percent=50, note="first plate"))["state"] == "started"
    assert town.workshop.ask(JobDeliver(id=job, quantity=3))["state"] == "delivered"
    until(lambda: known(town.customer, job, "delivered"), "the delivery to be seen")
    part = town.customer.ask(JobReceive(id=job, quality="fine"))
    assert (part["state"], part["paid"][0]["amount"]) == ("started", price * 3 // 4), "paid for three of four"
    until(lambda: known(town.workshop, job, "started"), "the first receipt to be seen")
    town.workshop.ask(JobDeliver(id=job))
    until(lambda: known(town.customer, job, "delivered"), "the rest to be seen")
    done = town.customer.ask(JobReceive(id=job))
    assert (done["state"], done["paid"][0]["amount"]) == ("done", price)
    until(lambda: level(*town.all), "the same ledger everywhere")
    after = money(town.founder, "customer"), money(town.founder, "workshop")
    assert after[0] == (before[0][0] - price, before[0][1])
    assert after[1] == (before[1][0] + price, before[1][1])
    assert town.founder.ask(LedgerVerify())["height"] == town.founder.height()


def digests(files: dict[str, bytes]) -> dict[str, str]:
    """A hash for each name."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def test_a_job_by_policies_is_proposed_for_and_awarded_with_nobody_at_the_keyboard(town: Town) -> None:
    began_s = time.monotonic()
    answer = town.customer.ask(
        JobCall(
            design=str(DESIGN), part="Hook", quantity=2, automatic=True, wait_ms=20_000,
            reply_by_ms=time.time_ns() // 1_000_000 + 15_000,
        )
    )
    assert [one["name"] for one in answer["asked"]] == ["automat"]
    assert (answer["state"], answer["provider"]["name"]) == ("awarded", "automat"), answer
    assert time.monotonic() - began_s < 10
    job = answer["job"]
    until(lambda: known(town.automat, job), "the award to be seen")
    town.automat.ask(JobDeliver(id=job))
    until(lambda: known(town.customer, job, "delivered"), "the delivery to be seen")
    assert town.customer.ask(JobReceive(id=job))["state"] == "done"
    why = town.customer.ask(Why(id=answer["call"]))
    assert why["decision"] == "awarded" and why["notes"]
    steps = town.automat.ask(Why(id=answer["call"]))["steps"]
    assert steps and all(step["verdict"] == "pass" for step in steps)
    assert town.automat.ask(InboxList())["items"] == []


def test_watching_a_job_tells_each_change_until_it_has_ended(town: Town) -> None:
    job = awarded_by_hand(town)
    told: list[str] = []

    def on_progress(value: dict[str, Any]) -> None:
        told.append(value["state"])
        if value["state"] == "awarded":
            town.workshop.ask(JobFail(id=job, reason="printer broke"))

    ended = ask(town.customer.home.socket, JobWatch(id=job, wait_ms=15_000), on_progress=on_progress)
    assert told == ["awarded", "failed"]
    assert ended.value["state"] == "failed"  # type: ignore[union-attr]


# -- bad ends


def test_a_dispute_is_ruled_by_the_third_member_both_named(town: Town) -> None:
    before = money(town.customer, "customer"), money(town.customer, "workshop")
    job = awarded_by_hand(town)
    price = town.customer.ask(JobShow(id=job))["price"][0]["amount"]
    town.workshop.ask(JobDeliver(id=job))
    until(lambda: known(town.customer, job, "delivered"), "the delivery to be seen")
    assert town.customer.ask(JobDispute(id=job, reason="two of four broke"))["state"] == "disputed"
    until(lambda: known(town.workshop, job, "disputed"), "the dispute to be seen")
    refused = town.workshop.refuses(JobClaim(id=job))
    assert refused.kind is FailKind.REFUSED, "a dispute stops the claim"
    assert town.customer.refuses(JobRule(id=job, provider_bp=0)).kind is FailKind.REFUSED, "only the arbiter rules"
    until(lambda: known(town.founder, job, "disputed"), "the dispute to reach the arbiter")
    ruled = town.founder.ask(JobRule(id=job, provider_bp=6_250))
    assert ruled["state"] == "ruled"
    until(lambda: level(*town.all), "the same ledger everywhere")
    share = price * 6_250 // 10_000
    assert money(town.customer, "workshop")[0] - before[1][0] in (share, share + 1)
    assert money(town.customer, "customer")[0] == before[0][0] - (money(town.customer, "workshop")[0] - before[1][0])
    assert money(town.customer, "customer")[1] == before[0][1], "nothing stays held"


def test_cancelling_work_that_was_begun_costs_the_agreed_fee(town: Town) -> None:
    before = money(town.customer, "customer"), money(town.customer, "workshop")
    job = awarded_by_hand(town)
    price = town.customer.ask(JobShow(id=job))["price"][0]["amount"]
    town.workshop.ask(JobProgress(id=job, percent=10))
    until(lambda: known(town.customer, job, "started"), "the progress to be seen")
    told = town.customer.ask(JobCancel(id=job, dry_run=True))
    done = town.customer.ask(JobCancel(id=job))
    assert done["state"] == "cancelled"
    fee = done["paid"][0]["amount"]
    assert done["fee"][0]["amount"] == told["fee"][0]["amount"] == fee, "the dry run told it"
    assert abs(fee * 2 - price) <= 1, "half, as ask-me's terms say once work has begun"
    until(lambda: level(*town.all), "the same ledger everywhere")
    assert money(town.founder, "customer") == (before[0][0] - fee, before[0][1])
    assert money(town.founder, "workshop") == (before[1][0] + fee, before[1][1])


def test_work_that_fails_gives_all_the_money_back(town: Town) -> None:
    before = money(town.customer, "customer")
    job = awarded_by_hand(town)
    assert town.workshop.ask(JobFail(id=job, reason="the nozzle is gone"))["state"] == "failed"
    until(lambda: known(town.customer, job, "failed"), "the failure to be seen")
    assert money(town.customer, "customer") == before


def test_a_call_can_be_turned_down_and_taken_back(town: Town) -> None:
    call = call_by_hand(town)
    until(lambda: waits(town.workshop, call), "the call to reach the workshop's inbox")
    town.workshop.ask(InboxRefuse(id=call, reason="on holiday"))
    shown = until(lambda: closed(town.customer, call), "the refusal to close the call")
    assert any("on holiday" in line["text"] for line in shown["journal"])
    another = call_by_hand(town)
    assert town.customer.ask(JobCancel(id=another))["state"] == "withdrawn"
    assert town.customer.ask(JobShow(id=another))["state"] == "withdrawn"


def closed(node: Node, call: str) -> dict[str, Any] | None:
    shown = node.ask(JobShow(id=call))
    return shown if shown["state"] not in ("collecting", "choosing", "awarding") else None


# -- what stops a job before it begins


def test_a_call_that_nobody_answers_ends_by_itself(town: Town) -> None:
    town.workshop.freeze()
    try:
        call = call_by_hand(town, reply_by_ms=time.time_ns() // 1_000_000 + 1_500)
        shown = until(lambda: closed(town.customer, call), "the call to end")
        assert shown["state"] in ("unanswered", "expired", "refused", "ended"), shown["state"]
        assert shown["next"]
        assert town.customer.ask(Why(id=call))["decision"] == shown["state"]
    finally:
        town.workshop.thaw()
    until(lambda: town.customer.sees(town.workshop), "the workshop to be back")


def test_an_award_without_the_money_is_refused_and_says_so(town: Town) -> None:
    free = money(town.customer, "customer")[0]
    call = call_by_hand(town)
    until(lambda: waits(town.workshop, call), "the call to reach the workshop's inbox")
    problem = town.workshop.refuses(InboxApprove(id=call, price=(f"{free // 100 + 1}.00 EUR",)))
    assert "money" in problem.sentence or "balance" in problem.sentence, "nobody signs what cannot be paid"
    town.workshop.ask(InboxApprove(id=call, price=(f"{free // 100}.00 EUR",)))
    (proposal,) = until(lambda: town.customer.ask(JobShow(id=call))["proposals"], "the proposal to arrive")
    other = awarded_by_hand(town)
    before = money(town.customer, "customer")
    refused = town.customer.refuses(JobAward(proposals=(proposal["id"],)))
    assert is_refused(refused, "account.too-little"), (refused.sentence, refused.details)
    assert money(town.customer, "customer") == before
    town.workshop.ask(JobFail(id=other, reason="only a test"))


def test_a_design_that_is_none_is_refused_by_file_and_reason(town: Town, tmp_path: Path) -> None:
    for name, content, said in (
        ("letter.toml", b"dear = 'friend'\n", "letter.toml"),
        ("broken.toml", b"name = \"unclosed\n[[part]\n", "broken.toml"),
        ("broken.yml", b"title: [a\n b: {", "broken.yml"),
        ("picture.png", bytes(range(256)), "picture.png"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        problem = town.customer.refuses(JobCall(design=str(path), quantity=1))
        assert problem.kind is FailKind.FAILED, (name, problem.sentence)
        assert said in problem.sentence, (name, problem.sentence)
    problem = town.customer.refuses(JobCall(design=str(tmp_path / "absent.toml"), quantity=1))
    assert problem.kind is FailKind.NOT_FOUND and "absent.toml" in problem.sentence


def test_a_part_that_is_not_in_the_design_is_answered_with_those_that_are(town: Town) -> None:
    problem = town.customer.refuses(JobCall(design=str(DESIGN), part="Hok"))
    assert problem.kind is FailKind.NOT_FOUND
    assert "Hok" in problem.sentence and "Hook" in problem.sentence
    problem = town.customer.refuses(JobCall(design=str(DESIGN)))
    assert problem.kind is FailKind.USAGE and "'Rail'" in problem.sentence


def test_what_nobody_here_can_make_is_said_with_what_they_can(town: Town) -> None:
    problem = town.customer.refuses(
        JobCall(
            function="cnc-milling",
            parameters={"material": "steel", "length": "100 mm", "width": "50 mm", "height": "10 mm"},
        )
    )
    assert problem.kind is FailKind.NOT_FOUND
    assert problem.sentence.startswith("nobody here can do CNC milling in steel; 1 can in "), problem.sentence
    problem = town.customer.refuses(JobCall(function="welding-in-space"))
    assert problem.kind is FailKind.NOT_FOUND and "welding-in-space" in problem.sentence


def test_a_capability_that_is_wrong_is_told_by_file_and_key(town: Town) -> None:
    for key, value, words in (
        ("most", "0", ("quantity", "limits")),
        ("lead", '"30 fortnights"', ("lead",)),
        ("credit", '"DOLLARS"', ("DOLLARS",)),
        ("function", '"time-travel"', ("time-travel",)),
    ):
        path = offer_file(town.street.folder, "printer.toml", **{key: value})
        problem = town.workshop.refuses(CapabilityAdd(path=str(path)))
        assert path.name in problem.sentence, problem.sentence
        assert any(word in problem.sentence for word in words), problem.sentence
    assert len(town.customer.ask(DirectorySearch(member="workshop"))["adverts"]) == 2


def test_open_calls_and_deals_survive_kill_9_on_both_sides(town: Town) -> None:
    call = call_by_hand(town)
    until(lambda: waits(town.workshop, call), "the call to reach the workshop's inbox")
    for node in (town.workshop, town.customer):
        node.kill()
        node.up()
    assert waits(town.workshop, call), "the inbox is made from what was kept"
    until(lambda: town.customer.sees(town.workshop) and town.workshop.sees(town.customer), "them to be connected")
    proposal = proposed_by_hand(town, call)
    town.customer.kill()
    town.customer.up()
    until(lambda: town.customer.sees(town.founder), "the witness to be connected")
    # It was shown, and perhaps not on the disk yet: then the call is sent again and answered with the same proposal.
    again = until(lambda: town.customer.ask(JobShow(id=call))["proposals"], "the proposal to be there again")
    assert [one["id"] for one in again] == [proposal["id"]]
    assert town.customer.ask(JobAward(proposals=(proposal["id"],)))["binding"] == "final"
    until(lambda: known(town.workshop, proposal["id"]), "the award to be seen")
    town.workshop.ask(JobFail(id=proposal["id"], reason="only a test"))


def test_in_the_end_all_four_hold_the_same_ledger_and_it_verifies(town: Town) -> None:
    height, root = until(lambda: level(*town.all), "the same ledger everywhere")
    for node in town.all:
        assert node.ask(LedgerVerify())["root"] == root
    rows = town.customer.ask(JobList())["jobs"]
    assert rows, "jobs were made"
    assert money(town.customer, "customer")[1] == sum(
        row["price"][0]["amount"] for row in rows if row["state"] in ("awarded", "started", "delivered")
    )
    assert height > 10
