"""A whole job between four daemons whose policies decide: from the call to a receipt that all four hold as final.

What people do in between (print, hand over) takes no time here: `deliver` and `receive` follow at once. Each round is
one more job of the same nodes; the figure is the median.
"""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack

from dpnode.control.questions.capability import CapabilityAdd, DirectorySearch
from dpnode.control.questions.holdings import CreditIssue, CreditOpen
from dpnode.control.questions.job import JobCall, JobDeliver, JobReceive
from dpnode.control.questions.ledger import LedgerStatus
from dpnode.control.questions.network import NetworkFound, NetworkInvite, NetworkJoin
from scripts.bench_parts._homes import PROJECT, Daemon, daemon, make_owner, pause
from scripts.bench_parts._run import Figure, Run

ROUNDS = 7
NAMES = ("founder", "printshop", "woodshop", "customer")
SAMPLES = PROJECT / "config" / "samples"
WITHIN_S = 30.0
_POLICY = '\n[policy]\npreset = "accept-what-fits"\n'


def job(run: Run) -> Figure:
    """Seconds from the call to the receipt being final on all four nodes."""
    folder = run.folder("job")
    owners = {name: make_owner(folder, name) for name in NAMES}
    with ExitStack() as stack:
        nodes: dict[str, Daemon] = {}
        for name, owner in owners.items():
            with owner.home.config.open("a", encoding="utf-8") as settings:
                settings.write(_POLICY)
            nodes[name] = stack.enter_context(daemon(owner.home))
        founder = nodes["founder"]
        founder.ask(NetworkFound(network_name="Bench", purpose="One job", root_seed=owners["founder"].root_seed))
        for name in NAMES[1:]:
            invitation = founder.ask(NetworkInvite())["invitation"]
            nodes[name].ask(NetworkJoin(invitation=invitation, root_seed=owners[name].root_seed))
        founder.ask(CreditOpen(symbol="EUR", redeemable="goods"))
        founder.ask(CreditIssue(amount="5000.00 EUR", member="customer"))
        for name in ("printshop", "woodshop"):
            _equal(list(nodes.values()))
            nodes[name].ask(CapabilityAdd(path=str(SAMPLES / "offers" / "printer.toml")))
        _known(nodes["customer"])
        took_s = []
        for round_number in range(ROUNDS):
            run.progress("jobs done", round_number, ROUNDS)
            took_s.append(_one(nodes))
    notes = (f"{ROUNDS} jobs: {min(took_s):.2f} to {max(took_s):.2f} s",)
    return Figure(value=statistics.median(took_s), unit="s", floor=2.0, at_most=True, notes=notes)


def _one(nodes: dict[str, Daemon]) -> float:
    began_s = time.monotonic()
    called = nodes["customer"].ask(JobCall(design=str(SAMPLES / "okh.toml"), part="Hook", quantity=2, wait_ms=20_000))
    if "job" not in called:
        raise RuntimeError(f"nobody was awarded: {called}")
    provider = nodes[called["provider"]["name"]]
    _equal(list(nodes.values()))
    provider.ask(JobDeliver(id=called["job"]))
    _equal(list(nodes.values()))
    received = nodes["customer"].ask(JobReceive(id=called["job"]))
    if received["state"] != "done" or received["binding"] != "final":
        raise RuntimeError(f"the job did not end: {received}")
    _equal(list(nodes.values()))
    return time.monotonic() - began_s


def _equal(nodes: list[Daemon]) -> None:
    """Wait until all hold the same ledger."""
    deadline_s = time.monotonic() + WITHIN_S
    while len({(seen["height"], bytes(seen["root"])) for seen in (one.ask(LedgerStatus()) for one in nodes)}) > 1:
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"the ledgers were not equal within {WITHIN_S:.0f} s")
        pause(0.005)


def _known(customer: Daemon) -> None:
    """Wait until the customer knows both workshops' offers."""
    deadline_s = time.monotonic() + WITHIN_S
    while len(customer.ask(DirectorySearch())["adverts"]) < 2 or customer.status()["peers"] < len(NAMES) - 1:
        if time.monotonic() > deadline_s:
            raise RuntimeError("the customer did not hear of both workshops")
        pause()
