"""Four workshops on one machine do one real job, from a part in a design file to a receipt in everybody's ledger.

Every step is a `dpnode` command as a person would give it, run as a process of its own; the nodes are daemons with
homes, keys and databases of their own, on loopback. With `--witnesses` several of them order the entries, and with
`--kill-one` one of these is dead while the job is done. It fails unless every node ends with the same ledger.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NoReturn

from _neighbours import PROJECT, SOON_S, Failed, Neighbourhood
from _seats import KILLED, kill, mistaken, seat, start_again

SAMPLES = PROJECT / "config" / "samples"
NODES = ("founder", "printshop", "woodshop", "customer")
MORE = ("smithy", "pottery", "mill")
"""Who joins as well where more than four are to be witnesses."""
STEPS = 14
QUANTITY_MAX = 1_000_000
"""What one call may ask for (`dpnode job call --quantity`)."""
HOME_BYTES_MAX = 107 - len("/printshop/run/control")
"""A node's control socket lies in its home, and a socket's path has at most 107 bytes."""


def run(options: argparse.Namespace, there: Neighbourhood) -> dict[str, Any]:
    """The whole story; returns what `--json` prints."""
    began = time.monotonic()
    more = "".join(f", {name}" for name in there.nodes[len(NODES) :])
    there.step(f"The nodes make their keys: a founder, two workshops, a customer{more}.")
    for node in there.nodes:
        there.dpnode(node, "init", "--name", node)
        there.settle(node)
    there.step(f"The founder founds a network and is its first witness; {len(there.nodes)} daemons start.")
    founded = there.dpnode("founder", "network", "found", "Neighbourhood", "--purpose", "We make things here")
    network = founded["network"]
    # Each start is mostly the import of the network library; two at once keep two cores busy.
    with ThreadPoolExecutor(max_workers=2) as starters:
        starts = {starters.submit(there.dpnode, node, "up"): node for node in there.nodes}
        for started in as_completed(starts):
            there.say(f"      {starts[started]} listens at {', '.join(started.result()['addresses'])}")
    there.step("The others join, each by an invitation of its own.")
    for node in there.nodes[1:]:
        invitation = there.dpnode("founder", "network", "invite", "--for", node)["invitation"]
        there.dpnode(node, "network", "join", invitation)
        there.say(f"      {node} is a member")
    there.step("The founder opens a credit and issues 500.00 EUR to the customer.")
    there.dpnode(
        "founder", "credit", "open", "EUR", "--decimals", "2", "--redeemable", "one euro in goods at the founder's"
    )
    there.dpnode("founder", "credit", "issue", "500.00 EUR", "--to", "customer")
    there.step("The printshop registers its printer and hands a quarter each to the founder and the customer.")
    asset = there.dpnode("printshop", "asset", "register", "Desk printer", "--kind", "3d-printer")["asset"]
    own(there, asset)
    there.step("Both workshops publish what they can do.")
    offer(there, "printshop", "printer.toml", asset=asset)
    offer(there, "woodshop", "router.toml")
    offer(there, "woodshop", "printer.toml", name="Old printer", dearer=True)
    if options.witnesses > 1:
        seat(there, options.witnesses)
    before = kill(there) if options.kill_one else None
    job = call(options, there)
    deliver(there, job)
    if before is not None:
        start_again(there, before)
    there.step("All of them look once more.")
    states = there.equal()
    there.step("Every node holds the same ledger:")
    shown = there.dpnode("customer", "job", "show", job["job"])
    if shown["state"] != "done":
        raise Failed(f"the job is {shown['state']}, not done")
    state = states["customer"]
    for node in ("founder", "customer"):
        there.say(f"\n   As {node} sees it (height {states[node]['height']}, root {states[node]['root'][:16]}...):")
        there.show(node, "ledger", "balance", "--all")
        there.show(node, "ledger", "shares", "Desk printer")
        there.show(node, "ledger", "journal", "--family", "work")
    return {
        "nodes": list(there.nodes),
        "witnesses": options.witnesses,
        "killed": KILLED if options.kill_one else None,
        "network": network["id"],
        "job": {
            "id": job["job"],
            "state": shown["state"],
            "provider": shown["provider"]["name"],
            "price": shown["price"],
            "quantity": shown["quantity"],
            "design": shown.get("design", ""),
            "part": shown.get("part", ""),
            "files": len(job["files"]),
        },
        "height": state["height"],
        "entries": state["entries"],
        "state_roots": [states[node]["root"] for node in there.nodes],
        "seconds": round(time.monotonic() - began, 2),
    }


def own(there: Neighbourhood, asset: str) -> None:
    """The printer's units go to two more members, who accept them."""
    for node in ("founder", "customer"):
        there.dpnode("printshop", "share", "transfer", asset, node, "250000")
        deadline = time.monotonic() + SOON_S
        while not (offers := there.dpnode(node, "share", "accept").get("offers")):
            if time.monotonic() > deadline:
                raise Failed(f"the offered units did not reach {node}")
        there.dpnode(node, "share", "accept", offers[0]["id"])
    deadline = time.monotonic() + SOON_S
    while len(there.dpnode("printshop", "ledger", "shares", asset)["owners"]) < 3:
        if time.monotonic() > deadline:
            raise Failed("the printer's units did not change hands")
    there.show("printshop", "ledger", "shares", asset)


def offer(
    there: Neighbourhood, node: str, sample: str, *, asset: str = "", name: str = "", dearer: bool = False
) -> None:
    """Publish a capability file made from a sample."""
    text = (SAMPLES / "offers" / sample).read_text("utf-8")
    if name:
        text = re.sub(r"(?m)^name = .*$", f'name = "{name}"', text)
    if asset:
        text = re.sub(r"(?m)^# asset = .*$", f'asset = "{asset}"', text)
    if dearer:
        # An old machine's owner prices by the piece, whatever it weighs: some designs do not say.
        text = re.sub(r"(?ms)^\[(time|price)\.per\]\n.*?(?=^\[|\Z)", "", text)
        text = text.replace('per-piece = "0.50"', 'per-piece = "1.90"').replace('"5 min"', '"75 min"')
    path = there.folder / f"{node}-{sample}"
    path.write_text(text, "utf-8")
    there.dpnode(node, "cap", "add", str(path))


def call(options: argparse.Namespace, there: Neighbourhood) -> dict[str, Any]:
    """The customer calls for the part; the policies of all three decide by themselves."""
    design = str(options.design.resolve())
    part = f"'{options.part}' of {options.design.name}" if options.part else options.design.name
    there.step(f"The customer's node calls for {options.quantity} x {part}.")
    wanted = ["--part", options.part] if options.part else []
    wanted += ["--function", options.function] if options.function else []
    parameters = [argument for one in options.param for argument in ("--param", one)]
    answer = there.dpnode(
        "customer",
        "job",
        "call",
        "--design",
        design,
        *wanted,
        *parameters,
        "--quantity",
        str(options.quantity),
        "--by",
        "5d",
        "--reply-by",
        "20s",
        "--wait",
        "60s",
    )
    asked = ", ".join(member["name"] for member in answer["asked"])
    there.say(f"      asked: {asked}")
    for proposal in answer.get("proposals", []):
        there.say(f"      {proposal['provider']['name']} proposes {shown(proposal['price'])}")
    if "job" not in answer:
        raise Failed(f"no job came of it: {answer.get('state')}; {'; '.join(answer.get('notes', []))}")
    provider = answer["provider"]["name"]
    there.step(f"Awarded to {provider} for {shown(answer['price'])}; the money is held on the ledger.")
    there.show("customer", "why", answer["call"])
    there.say(f"   Why {provider} proposed that, rule by rule:")
    there.show(provider, "why", answer["call"])
    there.step(f"The files of the part travel to {provider}.")
    answer["files"] = files(there, provider, answer)
    return answer


def files(there: Neighbourhood, provider: str, job: dict[str, Any]) -> list[dict[str, Any]]:
    """Wait until the provider holds the files of the job."""
    deadline = time.monotonic() + SOON_S
    expected = 1
    while True:
        try:
            found: list[dict[str, Any]] = there.dpnode(provider, "job", "show", job["job"]).get("files", [])
        except Failed:
            found = []
        if len(found) >= expected:
            for one in found:
                there.say(f"      {one['name']}, {one['bytes']} bytes")
            return found
        if time.monotonic() > deadline:
            raise Failed(f"the files did not reach {provider}")


def deliver(there: Neighbourhood, job: dict[str, Any]) -> None:
    """What people do: report progress, hand the pieces over, receipt them."""
    provider = job["provider"]["name"]
    there.step(f"{provider}: half of it is made (`dpnode job progress`).")
    there.dpnode(provider, "job", "progress", job["job"], "--percent", "50", "--note", "first plate is off the machine")
    there.step(f"{provider}: delivered (`dpnode job deliver`).")
    there.dpnode(provider, "job", "deliver", job["job"])
    there.step("customer: received and good (`dpnode job receive`); the money is paid.")
    there.equal()
    there.dpnode("customer", "job", "receive", job["job"], "--quality", "clean and to size")
    there.show("customer", "job", "show", job["job"])


def shown(price: Sequence[dict[str, Any]]) -> str:
    """A price in words."""
    parts = []
    for line in price:
        digits = str(line["amount"]).rjust(line["decimals"] + 1, "0")
        point = len(digits) - line["decimals"]
        number = f"{digits[:point]}.{digits[point:]}" if line["decimals"] else digits
        parts.append(f"{number} {line['name']}")
    return " + ".join(parts)


def look_around(there: Neighbourhood) -> None:
    """How to go on with homes that were kept."""
    own_dpnode = f"{shlex.quote(sys.executable)} -m dpnode.cli.main"
    homes = shlex.quote(str(there.folder))
    print(f"\nThe nodes go on running under {there.folder}. Look around, from {PROJECT}:")
    print(f"  {own_dpnode} status --home {homes}/customer")
    print(f"  {own_dpnode} job list --home {homes}/printshop")
    print(f"Stop them: for n in {' '.join(there.nodes)}; do {own_dpnode} down --home {homes}/$n; done")


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/neighbourhood",
        description="Four real nodes on this machine do one job, from a part in a design file to a receipt.",
        epilog="Examples:\n  scripts/neighbourhood --design config/samples/okh.toml --part Rail --quantity 2\n"
        "  scripts/neighbourhood --witnesses 4 --kill-one",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--design", type=Path, metavar="FILE", help="an Open Know-How manifest (the sample tool rail)")
    parser.add_argument("--part", metavar="NAME", help="the part of it; not needed when it has one")
    parser.add_argument("--function", metavar="NAME", help="how to make it, where the design does not say")
    parser.add_argument("--quantity", type=int, default=4, metavar="N", help="how many (4)")
    parser.add_argument("--param", action="append", default=[], metavar="N=V", help="what the design leaves open")
    parser.add_argument("--witnesses", type=int, default=1, metavar="N", help="how many order the entries (1)")
    parser.add_argument("--kill-one", action="store_true", help="kill -9 one of them while the job is done")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the homes there and the daemons running")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    options = parser.parse_args(arguments)
    if options.design is None:
        options.design = SAMPLES / "okh.toml"
        options.part = options.part or "Hook"
    if not options.design.is_file():
        parser.error(f"{options.design} is not there")
    if not 1 <= options.quantity <= QUANTITY_MAX:
        parser.error(f"--quantity is from 1 to {QUANTITY_MAX}, not {options.quantity}")
    if wrong := mistaken(options.witnesses, kill_one=options.kill_one):
        parser.error(wrong)
    if options.keep is not None and options.keep.exists() and any(options.keep.iterdir()):
        parser.error(f"{options.keep} holds something already; choose an empty or new folder")
    if options.keep is not None and len(os.fsencode(options.keep.resolve())) > HOME_BYTES_MAX:
        parser.error(f"--keep: a path of at most {HOME_BYTES_MAX} bytes is needed, because sockets lie in it")
    return options


def interrupted(number: int, frame: object) -> NoReturn:
    """SIGTERM ends like Ctrl-C, so that the daemons are stopped, too."""
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 only if all of it held."""
    options = options_of(arguments)
    signal.signal(signal.SIGTERM, interrupted)
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
    folder = options.keep.resolve() if options.keep is not None else Path(tempfile.mkdtemp(prefix="dpn-"))
    nodes = (*NODES, *MORE)[: max(len(NODES), options.witnesses)]
    steps = STEPS + (options.witnesses > 1) + 2 * options.kill_one
    there = Neighbourhood(folder, nodes, steps=steps)
    status, wrong, result = 1, "", dict[str, Any]()
    try:
        result = run(options, there)
        status = 0
    except Failed as failed:
        wrong = str(failed)
    except subprocess.TimeoutExpired as late:
        wrong = f"a command took longer than {late.timeout:.0f} s"
    except KeyboardInterrupt:
        status, wrong = 130, "interrupted"
    finally:
        if options.keep is None:
            there.stop()
            shutil.rmtree(folder, ignore_errors=True)
    if wrong:
        print(f"neighbourhood: {wrong}", file=sys.stderr)
    if options.keep is not None:
        look_around(there)
    if status == 0:
        print(f"\nAll of it held, in {result['seconds']} seconds.")
    if options.json:
        print(json.dumps(result or {"error": {"sentence": wrong}}, separators=(",", ":"), sort_keys=True))
    return status


if __name__ == "__main__":
    sys.exit(main())
