"""How the neighbourhood goes from one witness to several, and what it does when one of them is killed.

By the same commands as README's: a motion for each seat, the members' votes, and the newcomer's acceptance.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Any

from _neighbours import Failed, Neighbourhood, until

WITNESSES_MAX = 7
MOTIONS_OPEN_MAX = 3
"""How many motions one member may have whose end has not come (the charter's `motions_open`)."""
LASTS_S = 20
"""A motion's time where there are more: the founder, the only one with a vote yet, then waits for the first to end."""
KILLED = "founder"
"""The first witness: whatever could still hang on it alone would stop."""


def faulty_max(witnesses: int) -> int:
    """How many of so many witnesses may be down or lying."""
    return (witnesses - 1) // 3


def mistaken(witnesses: int, *, kill_one: bool) -> str:
    """What is wrong with what was asked for, with the reason; empty where nothing is."""
    meaning = (
        "n witnesses keep going with f = (n - 1) // 3 of them down or lying: none of 1 to 3, one of 4 to 6, two of 7"
    )
    if not 1 <= witnesses <= WITNESSES_MAX:
        return f"--witnesses is from 1 to {WITNESSES_MAX}, not {witnesses}; {meaning}"
    if kill_one and not faulty_max(witnesses):
        return f"--kill-one needs --witnesses 4 or more, not {witnesses}; {meaning}"
    return ""


def seat(there: Neighbourhood, witnesses: int) -> None:
    """Have the members give seats until there are so many witnesses; each is taken before the next is voted on."""
    there.step(f"From one witness to {witnesses}: the members vote on each seat, and its owner accepts it.")
    lasts = [] if witnesses <= 1 + MOTIONS_OPEN_MAX else ["--lasts", f"{LASTS_S}s"]
    for i, node in enumerate(there.nodes[1:witnesses]):
        if i >= MOTIONS_OPEN_MAX:
            until(partial(may_open, there, node), "the founder's earlier motions do not end")
        motion = there.dpnode("founder", "motion", "open", "seat", node, *lasts)["id"]
        # Whoever has just joined has no vote before the 90th day; the founder's own is more than half of all.
        state = there.dpnode("founder", "motion", "vote", motion, "yes")["state"]
        if state != "passed":
            raise Failed(f"the motion to seat {node} is {state}, not passed")
        until(partial(is_asked, there, node), f"{node} was not told of its seat")
        sits = there.dpnode(node, "witness", "accept")
        until(partial(votes, there, node), f"{node} does not vote")
        there.say(f"      {node} sits. {sits['withstands']}.")
    until(lambda: all_here(there, witnesses), "the witnesses are not all connected")
    there.show("customer", "witness", "list")


def kill(there: Neighbourhood) -> dict[str, Any]:
    """Kill a witness's daemon; returns the newest block that everybody had before."""
    there.equal()
    before = newest(there, "customer")
    there.step(f"kill -9 for the {KILLED}'s daemon, once the only witness; all that follows happens without it.")
    there.kill(KILLED)
    until(lambda: not here(there)[KILLED], f"the others did not notice that {KILLED} is gone")
    there.show("customer", "witness", "list")
    return before


def start_again(there: Neighbourhood, before: dict[str, Any]) -> None:
    """Start the killed witness; it fetches what it missed, votes again, and has lost nothing."""
    there.equal()
    missed = newest(there, "customer")["height"] - before["height"]
    if missed < 1:
        raise Failed("nothing became final while a witness was down")
    there.step(f"The {KILLED}'s daemon starts again; it missed {missed} blocks.")
    there.start_again(KILLED)
    there.equal()
    until(lambda: votes(there, KILLED), f"{KILLED} does not vote after its start")
    for node in there.nodes:
        if newest(there, node, before["height"])["id"] != before["id"]:
            raise Failed(f"{node} holds another block at height {before['height']} than before {KILLED} was killed")
    verified = there.dpnode(KILLED, "ledger", "verify")
    there.say(f"      It has caught up, votes, and has checked all {verified['height']} blocks from the charter on:")
    there.say("      what was final before is final still, and so is what it missed.")


def newest(there: Neighbourhood, node: str, height: int | None = None) -> dict[str, Any]:
    """A node's newest block, or that at `height`."""
    below = [] if height is None else ["--before", str(height + 1)]
    blocks: list[dict[str, Any]] = there.dpnode(node, "ledger", "blocks", "--limit", "1", *below)["blocks"]
    return blocks[0]


def may_open(there: Neighbourhood, node: str) -> bool:
    """Whether the founder has fewer motions than one member may have, so that a seat can be put to the vote."""
    with contextlib.suppress(Failed):
        return bool(there.dpnode("founder", "motion", "open", "seat", node, "--dry-run"))
    return False


def is_asked(there: Neighbourhood, node: str) -> bool:
    """Whether a node tells its owner to take a seat."""
    return any("dpnode witness accept" in line for line in there.dpnode(node, "status")["reminders"])


def votes(there: Neighbourhood, node: str) -> bool:
    """Whether a node says that it votes."""
    return bool(there.dpnode(node, "status").get("seat", {}).get("votes"))


def here(there: Neighbourhood) -> dict[str, bool]:
    """Each witness, and whether the customer's node is connected with it."""
    rows = there.dpnode("customer", "witness", "list")["witnesses"]
    return {row["member"]["name"]: bool(row["connected"]) for row in rows}


def all_here(there: Neighbourhood, witnesses: int) -> bool:
    """Whether there are so many witnesses, all connected with the customer's node."""
    found = here(there)
    return len(found) == witnesses and all(found.values())
