"""How the crowd comes to own things together: bends share, group and co-owner operations towards what may hold."""

from __future__ import annotations

import random
from typing import Any

from ledger.keys import MemberId, SigningKey
from ledger.operations import accounts
from ledger.state import View
from tests.ledger.town import DAY_MS, HOUR_MS, Person

KINDS = {"act": b"act/", "bid": b"offer/", "group": b"group/", "lent": b"lent/", "offer": b"offer/"}
"""Fields that name something open -> where it stands in the state."""
NAMES = ("groups.", "shares.")
OFTEN = [
    *["groups.found/1", "shares.offer/1", "shares.take/1"],
    *["groups.join/1", "groups.act/1", "groups.agree/1"] * 2,
    *["shares.bid/1", "shares.bid/1", "motion.open/1", "motion.vote/1", "motion.vote/1"],
]
DECISIONS = ("operator", "partition", "repair", "sell", "sell", "terms", "uses")


def open_ids(view: View, name: str) -> list[bytes]:
    """Ids of what is open of the kind that a field names."""
    head = KINDS[name]
    return [key[len(head) :] for key, _ in view.raw_range(head)]


def fit(
    dice: random.Random, view: View, now_ms: int, people: list[Person], name: str, fields: dict[str, Any], who: Person
) -> Person:
    """Bend the fields of a share's or group's operation; returns who had better sign."""
    by_id = {one.id: one for one in people}
    match name:
        case "groups.found/1":
            others = [one for one in dice.sample(people[:4], dice.randint(1, 3)) if one is not who]
            fields["members"] = [{"member": one.id, "weight": dice.choice((1, 2))} for one in [who, *others]]
            fields |= {"gifts": dice.random() < 0.6, "needed": dice.choice((1, 2, 2, 3))}
        case "groups.join/1" | "groups.leave/1" | "groups.act/1":
            found = dice.choice(list(view.range(b"group/")) or [(bytes(38), {"asked": [], "members": []})])
            record = found[1]
            fields["group"] = found[0][6:]
            if name == "groups.join/1":
                fields["version"] = record.get("version", 1)
            if name == "groups.act/1":
                fields["until"] = now_ms + dice.choice((HOUR_MS, DAY_MS, 20 * DAY_MS))
                of_group = [(thing, free) for kind, thing, free, _ in _owned(view, fields["group"]) if kind == "units"]
                if dice.random() < 0.4:
                    fields["act"] = {"name": "mill", "t": "groups.change/1"}
                if of_group and "asset" in fields["act"]:
                    fields["act"]["asset"] = dice.choice(of_group)[0]
            side = record["asked"] if name == "groups.join/1" else record["members"]
            return by_id.get(dice.choice(side)["member"], who) if side else who
        case "groups.agree/1" | "groups.disagree/1":
            act = view.get(b"act/" + fields["act"]) or {"agreed": [], "group": bytes(32)}
            record = view.get(b"group/" + act["group"]) or {"members": []}
            side = act["agreed"] if name == "groups.disagree/1" else [one["member"] for one in record["members"]]
            return by_id.get(dice.choice(side), who) if side else who
        case "shares.offer/1" | "shares.lend/1" | "shares.bid/1" | "shares.static/1":
            return _fit_standing(dice, view, now_ms, people, fields, who)
        case "shares.take/1" | "shares.withdraw/1" | "shares.return/1":
            key = b"lent/" + fields["lent"] if "lent" in fields else b"offer/" + fields["offer"]
            record = view.get(key) or {}
            return by_id.get(record.get("to" if name != "shares.withdraw/1" else "by", b""), who)
        case _:
            pass
    return who


def _fit_standing(
    dice: random.Random, view: View, now_ms: int, people: list[Person], fields: dict[str, Any], who: Person
) -> Person:
    """What stands for a time, or is said of a holding: by somebody who owns some."""
    if "credit" in fields:
        held = [(who, thing, free) for kind, thing, free, _ in _owned(view, who.id) if kind == "credit" and free]
        fields["asset"] = dice.choice([key[6:] for key, _ in view.raw_range(b"asset/")])
        if held:
            _, fields["credit"], free = dice.choice(held)
            fields["amount"] = dice.choice((1, free))
    else:
        owned = [
            (one, thing, free) for one in people for kind, thing, free, _ in _owned(view, one.id) if kind == "units"
        ]
        if owned:
            who, fields["asset"], free = dice.choice(owned)
            if "units" in fields:
                fields["units"] = dice.choice((1, max(1, free // 2)))
    if "to" in fields:
        fields["to"] = dice.choice([*(one.id for one in people), *open_ids(view, "group")])
    if "until" in fields:
        fields["until"] = now_ms + dice.choice((HOUR_MS, DAY_MS, 20 * DAY_MS))
    return who


def decision(dice: random.Random, view: View, people: list[Person], matter: dict[str, Any], who: Person) -> Person:
    """Bend what co-owners are to decide towards something that an asset of theirs allows; returns who opens it."""
    owned = [(one, thing) for one in people for kind, thing, _, _ in _owned(view, one.id) if kind == "units"]
    if not owned:
        return who
    who, matter["asset"] = dice.choice(owned)
    bids = [(key[6:], one) for key, one in view.range(b"offer/") if "credit" in one and _is_free(view, one["asset"])]
    if bids and dice.random() < 0.5:
        identity, bid = dice.choice(bids)
        matter.clear()
        matter |= {"asset": bid["asset"], "bid": identity, "kind": "sell"}
        who = next((one for one, thing in owned if thing == bid["asset"]), who)
    if matter["kind"] == "operator":
        others = [one for one in owned if (view.get(b"asset/" + one[1]) or {})["operator"] != one[0].id]
        who, matter["asset"] = dice.choice(others or owned)
        matter["operator"] = who.id
    if matter["kind"] == "partition":
        owners = [{"member": owner, "units": 2} for owner, _, _ in accounts.holders(view, "units", matter["asset"])]
        matter["parts"] = [{"name": "a", "owners": owners, "units": 2 * len(owners)}] * 2
    if matter["kind"] == "uses":
        matter["uses"] = matter["uses"][:1]
    return who


def votes(dice: random.Random, view: View, people: list[Person], fields: dict[str, Any]) -> SigningKey | None:
    """Somebody with a voice in an open motion of co-owners, mostly for it; None where there is none."""
    weights = [(key[7:39], key[39:]) for key, _ in view.raw_range(b"weight/")]
    fitting = [(motion, owner) for motion, owner in weights if owner in {one.id for one in people}]
    if not fitting:
        return None
    kinds = {motion: (view.get(b"motion/" + motion) or {})["matter"]["kind"] for motion, _ in fitting}
    rare = [one for one in fitting if kinds[one[0]] in ("operator", "sell")]
    fields["motion"], owner = dice.choice(rare if rare and dice.random() < 0.5 else fitting)
    return next(one.working for one in people if one.id == owner)


def _is_free(view: View, asset: bytes) -> bool:
    return not any(on_hold for _, _, on_hold in accounts.holders(view, "units", asset))


def _owned(view: View, owner: bytes) -> list[tuple[str, bytes, int, int]]:
    return list(accounts.holdings(view, MemberId(owner)))
