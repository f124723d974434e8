"""A crowd whose members sign whatever the dice say, mostly things that could hold.

Operations are made from their own forms, so a new family is covered the day it is registered; ids, keys, amounts and
times come from small pools, so that what is signed often fits together: jobs are awarded, money is held, keys end,
witnesses are seated, members leave, and the due list runs late.
"""

from __future__ import annotations

import random
from typing import Any

from ledger import form
from ledger.canonical import INTEGER_MAX, digest, encode
from ledger.entry import sign_entry
from ledger.fold import is_fully_signed, last_sequence
from ledger.keys import PublicKey, SigningKey, next_root_hash
from ledger.operations import accounts, witnesses
from ledger.operations.registry import OPERATIONS
from ledger.operations.seats import rekey_consent, seat_consent
from ledger.operations.shares import ACCEPTANCE
from ledger.operations.work_terms import PROPOSAL, TERMS
from ledger.statement import STATEMENT, Statement, sign_statement
from tests.attacks import owners
from tests.ledger.town import DAY_MS, HOUR_MS, Person, Town, key

WAITS = ("inspection_ms", "silence_ms", "void_after_ms")
AMOUNTS = (0, 1, 2, 3, 7, 100, 10_000, 2**52, INTEGER_MAX - 1, INTEGER_MAX)
PAUSES_MS = (*[1] * 12, HOUR_MS, HOUR_MS, DAY_MS, 8 * DAY_MS, 40 * DAY_MS)
WORDS = ("a", "PLA", "zwei", "mañana", "工場", "x" * 12)
JUNK = (b"\xc0", b"\x81\xa1a", b"\xff", encode([]), encode({}), encode(7), encode({"network": 1, "member": []}))
PURPOSES = {
    "accept": "accept-units",
    "consent": "join",
    "key": "key",
    "machine": "peer",
    "proposals": "proposal",
    "first": "vote",
    "second": "vote",
}
CONSENTS = {
    "membership.certify/1": "key",
    "membership.invite/1": "invite",
    "membership.rotate/1": "new-root",
    "seat.accept/1": "seat",
    "seat.rekey/1": "seat",
}
"""Where the operation says more than the field."""
MOVES = [name for name in OPERATIONS if name.startswith("work.") and name != "work.award/1"]
OFTEN = [
    *["work.award/1"] * 6,
    *["work.deliver/1", "work.receipt/1", "work.progress/1", "work.dispute/1", "work.rule/1"] * 2,
    *MOVES,
    *["credits.pay/1", "credits.issue/1", "shares.transfer/1"],
    *[
        "motion.open/1",
        *["motion.vote/1"] * 6,
        *["seat.accept/1"] * 2,
        *["membership.invite/1", "membership.join/1"] * 2,
    ],
    *owners.OFTEN,
]


class Crowd:
    """A town whose members sign whatever the dice say."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.town = Town(people=4, witnesses=2, day_entries=10**6, day_bytes=10**9, vote_after_ms=0, motions_open=50)
        self.people = [Person(i) for i in range(6)]
        self.signers: list[SigningKey] = []
        for one in self.people:
            self.signers += [one.working, one.root, one.next_root, one.invite, one.machine, one.voting]
        self.signers += [key("spare", i) for i in range(3)]
        self.ids: list[bytes] = [*(one.id for one in self.people), *(one.public for one in self.signers), bytes(32)]
        self.things: list[bytes] = [bytes(32)]
        self.jobs: list[bytes] = [bytes(32)]
        self.voting = [*(one.voting for one in self.people), *(key("spare voting", i) for i in range(60))]
        """Keys that sit, sat or may sit; the later ones are fresh."""
        self.outcomes: set[str] = set()
        self.who = self.people[0]
        """Who signs just now."""

    def person(self) -> Person:
        """Somebody; as often as not whoever signs."""
        return self.who if self.dice.random() < 0.5 else self.dice.choice(self.people)

    def value(self, of: Any, name: str = "", operation: str = "") -> Any:
        """A value of a form, often one that fits."""
        dice = self.dice
        if of is STATEMENT:
            return self.statement(CONSENTS.get(operation) or PURPOSES[name]).to_value()
        match of:
            case form.Bytes():
                return self.bytes(of, name)
            case form.Text():
                return dice.choice(WORDS)[: max(of.least, 12)].encode()[: of.most].decode(errors="ignore") or "a"
            case form.Int():
                if (of.least, of.most) == (form.MOMENT_MS.least, form.MOMENT_MS.most):
                    ahead_ms = (-1, 0, 1, HOUR_MS, DAY_MS, 20 * DAY_MS)
                    return dice.choice((self.town.now_ms + dice.choice(ahead_ms), of.most))
                return dice.choice([one for one in (*AMOUNTS, of.least, of.most) if of.least <= one <= of.most])
            case form.Flag():
                return dice.random() < 0.5
            case form.Choice():
                return dice.choice(of.options)
            case form.List():
                count = dice.randint(of.least, min(of.most, of.least + 2))
                return [self.value(of.of, name, operation) for _ in range(count)]
            case form.Map():
                wanted = dict(of.required) | {one: kind for one, kind in of.optional.items() if dice.random() < 0.4}
                return {one: self.value(kind, one, operation) for one, kind in wanted.items()}
            case form.Cases():
                return self.value(of.of[dice.choice(sorted(of.of))])
            case form.Dict():
                return {word: self.value(of.of) for word in ("length", "mass")[: dice.randint(0, min(2, of.most))]}
            case form.Either():
                return self.value(dice.choice((of.if_map, of.otherwise)))
            case form.MeasureForm():
                return dice.choice(({"d": 1, "n": -5, "u": "mm"}, {"d": INTEGER_MAX, "n": 1, "u": "g"}))
            case form.PlaceForm():
                return {"lat": 5 * dice.randint(-1800, 1800), "lon": 5 * dice.randint(-3600, 3600)}
            case _:
                raise AssertionError(f"a form this test does not know: {of!r}")

    def bytes(self, of: form.Bytes, name: str) -> bytes:
        if of.least != 32:
            return self.dice.choice(self.people).peer if name == "peer" else self.dice.randbytes(of.least)
        if name == "network":
            return self.town.network if self.dice.random() < 0.95 else bytes(32)
        if name in ("call", "nonce") and self.dice.random() < 0.8:
            return self.dice.randbytes(32)
        if name == "title":
            return bytes(32)
        if name in owners.KINDS and self.dice.random() < 0.9:
            return self.dice.choice(owners.open_ids(self.town.state, name) or [bytes(32)])
        if name == "motion" and self.dice.random() < 0.9:
            return self.motion()
        if name == "job" and self.dice.random() < 0.8:
            open_jobs = [at[-32:] for at, _ in self.town.state.raw_range(b"job-open/")]
            disputed = [at for at in open_jobs if "dispute" in (self.town.state.get(b"job/" + at) or {})]
            open_jobs = disputed if disputed and self.dice.random() < 0.3 else open_jobs
            return self.dice.choice(open_jobs or self.jobs)
        pool = {"job": self.jobs, "asset": self.things, "credit": self.things, "id": self.things}.get(name, self.ids)
        return self.dice.choice(pool)

    def motion(self, *stages: str) -> bytes:
        """A motion of one of these stages, rather one with votes; of nobody where there is none."""
        records = self.town.state.range(b"motion/")
        stages = stages or ("open", "passed")
        fitting = [(one["yes"], at[7:]) for at, one in records if one["stage"] in stages and "used" not in one]
        return self.dice.choice(sorted(fitting)[-2:] or [(0, bytes(32))])[1]

    def price(self, customer: Person) -> list[dict[str, Any]]:
        """What the customer could pay, or something absurd."""
        owned = [one for one in accounts.holdings(self.town.state, customer.id) if one[2]]
        if not owned or self.dice.random() < 0.1:
            absurd: list[dict[str, Any]] = self.value(PROPOSAL.required["price"])
            return absurd
        lines = self.dice.sample(owned, self.dice.randint(1, min(3, len(owned))))
        return [
            {"amount": self.dice.choice((0, 1, free // 3, free)), "id": thing, "kind": kind}
            for kind, thing, free, _ in lines
        ]

    def statement(self, purpose: str) -> Statement:
        """A second consent: plausible, plausible but for one field, or signed rubbish."""
        dice = self.dice
        who = self.person()
        if dice.random() < 0.05:
            anybody, body = dice.choice(self.signers), dice.choice(JUNK)
            signature = anybody.sign(digest(purpose, body))
            return Statement(purpose=purpose, body=body, key=anybody.public, signature=signature)
        network = self.town.network
        signer = who.working
        content: dict[str, Any]
        match purpose:
            case "join":
                signer = who.root
                content = {
                    "invite": who.invite.public, "name": who.name, "network": network,
                    "next": next_root_hash(who.next_root.public), "root": who.root.public, "sealing": who.sealing,
                    "working": who.working.public,
                }  # fmt: skip
            case "invite":
                signer, content = dice.choice(self.signers), {"member": who.id, "network": network}
            case "peer":
                signer, content = who.machine, {"member": who.id, "network": network}
            case "key":
                signer = dice.choice(self.signers)
                content = {"key": signer.public, "member": who.id, "network": network}
            case "new-root":
                signer, content = who.next_root, {"member": who.id, "network": network, "next": bytes(32)}
            case "seat":
                signer = dice.choice(self.voting)
                old = witnesses.voting_key_of(self.town.state, who.id) or bytes(32)
                second = {"motion": self.motion()} if dice.random() < 0.5 else {"old": old}
                content = {"member": who.id, "network": network, **second}
            case "vote":
                signer = dice.choice(self.voting[:8])
                kind = dice.choice(("notarize", "nullify", "finalize"))
                block = {} if kind == "nullify" else {"block": dice.choice((bytes(32), b"b" * 32))}
                content = {"epoch": 1, "kind": kind, "network": network, "view": dice.choice((1, 2)), **block}
            case "accept-units":
                content = self.value(ACCEPTANCE) | {"network": network, "to": who.id}
                signer = who.working
            case _:
                signer, customer = who.working, self.person()
                content = self.value(PROPOSAL) | {
                    "arbiters": dice.sample([one.id for one in self.people], dice.randint(1, 3)),
                    "customer": customer.id,
                    "deliver_by": self.town.now_ms + dice.choice((-1, 9, HOUR_MS, 10 * DAY_MS)),
                    "price": self.price(customer),
                    "provider": who.id,
                    "quantity": dice.choice((1, 2, 3, 10, INTEGER_MAX)),
                    "terms": self.value(TERMS) | {name: dice.choice((0, HOUR_MS, DAY_MS)) for name in WAITS},
                    "until": self.town.now_ms + dice.choice((-1, 9, DAY_MS, DAY_MS)),
                }
        if dice.random() < 0.1:
            name = dice.choice(sorted(content))
            content[name] = dice.choice((dice.choice(self.ids), 0, INTEGER_MAX, "text", [], {}, True))
        return sign_statement(purpose, content, signer)

    def operation(self) -> tuple[SigningKey, dict[str, Any]]:
        """Somebody's operation: signed by who could, mostly."""
        dice = self.dice
        name = dice.choice(OFTEN if dice.random() < 0.7 else list(OPERATIONS))
        if name == "membership.leave/1" and dice.random() < 0.9:
            name = "membership.profile/1"
        who = self.who = dice.choice(self.people)
        signer = {"working": who.working, "root": who.root, "invite": who.invite}[OPERATIONS[name].signer.value]
        fields = self.value(OPERATIONS[name].form, operation=name)
        if dice.random() < 0.8:
            signer = self.fit(name, fields, who, signer)
        if dice.random() < 0.02:
            signer = dice.choice(self.signers)
        return signer, {"t": name, **fields}

    def invited(self) -> list[tuple[Person, bytes]]:
        """Everybody's open invitations, as sponsor and key."""
        records = [(one, self.town.state.get(b"member/" + one.id) or {}) for one in self.people]
        return [(one, invite["key"]) for one, record in records for invite in record.get("invites", [])]

    def fit(self, name: str, fields: dict[str, Any], who: Person, signer: SigningKey) -> SigningKey:
        """Bend fields and signer towards something that may hold."""
        dice, network = self.dice, self.town.network
        match name:
            case "work.award/1":
                statement = self.statement("proposal")
                fields.clear()
                fields["proposals"] = [statement.to_value()]
                self.jobs.append(statement.id)
                return next((one.working for one in self.people if one.id == statement.content.get("customer")), signer)
            case "membership.invite/1":
                invited = dice.choice((who.next_root, *(one.invite for one in self.people[4:])))
                content = {"member": who.id, "network": network}
                fields["consent"] = sign_statement("invite", content, invited).to_value()
                fields["until"] = self.town.now_ms + DAY_MS
            case "membership.uninvite/1":
                sponsor, key_ = dice.choice(self.invited() or [(who, bytes(32))])
                fields["key"] = key_
                return sponsor.working
            case "membership.join/1":
                keys = {key_ for _, key_ in self.invited()}
                guest = dice.choice([one for one in self.people[4:] if one.invite.public in keys] or self.people[4:])
                fields |= self.town.joining(guest)
                return guest.invite
            case "membership.machine/1":
                fields["machine"] = self.town.machine(who.id, dice.choice(self.people).machine).to_value()
            case "membership.certify/1":
                spare = dice.choice((*self.signers[-3:], who.machine))
                content = {"key": spare.public, "member": who.id, "network": network}
                fields["consent"] = sign_statement("key", content, spare).to_value()
            case "membership.revoke/1":
                keys = (self.town.state.get(b"member/" + who.id) or {"keys": []})["keys"]
                fields["key"] = dice.choice([*keys[1:], bytes(32)])
            case "membership.rotate/1":
                content = {"member": who.id, "network": network, "next": dice.choice(self.ids)}
                fields["consent"] = sign_statement("new-root", content, who.next_root).to_value()
            case "credits.pay/1":
                fields |= {"amount": dice.choice((1, 10)), "to": dice.choice(self.people).id}
            case "credits.issue/1" | "credits.redeem/1":
                issuer = (self.town.state.get(b"credit/" + fields["credit"]) or {}).get("issuer")
                fields["amount"] = dice.choice((1, 10, INTEGER_MAX))
                return next((one.working for one in self.people if one.id == issuer), signer)
            case "motion.open/1" if fields["matter"]["kind"] in owners.DECISIONS and dice.random() < 0.7:
                fields["until"] = self.town.now_ms + dice.choice((DAY_MS, 20 * DAY_MS))
                return owners.decision(dice, self.town.state, self.people, fields["matter"], who).working
            case "motion.vote/1" if dice.random() < 0.4:
                fields["yes"] = dice.random() < 0.9
                return owners.votes(dice, self.town.state, self.people, fields) or signer
            case "motion.open/1":
                matter = {
                    "kind": dice.choice(("seat", "seat", "seat", "unseat")),
                    "member": dice.choice(self.people).id,
                }
                fields |= {"matter": matter, "until": self.town.now_ms + dice.choice((HOUR_MS, *[30 * DAY_MS] * 5))}
            case "motion.vote/1":
                fields |= {"motion": self.motion("open"), "yes": dice.random() < 0.9}
                return dice.choice(self.people[:4]).working
            case "motion.withdraw/1":
                fields["motion"] = self.motion("open")
                opener = (self.town.state.get(b"motion/" + fields["motion"]) or {}).get("by")
                return next((one.working for one in self.people if one.id == opener), signer)
            case "seat.accept/1":
                motion = self.motion("passed")
                named = (self.town.state.get(b"motion/" + motion) or {"matter": {}})["matter"].get("member", bytes(32))
                content = seat_consent(network, named, motion)
                fields |= {"consent": self.sitting_down(content), "motion": motion}
                return next((one.working for one in self.people if one.id == named), signer)
            case "seat.rekey/1":
                old = witnesses.voting_key_of(self.town.state, who.id) or bytes(32)
                fields["consent"] = self.sitting_down(rekey_consent(network, who.id, old))
            case "evidence.votes/1":
                voting = dice.choice(self.voting[:8])
                for name, block in (("first", bytes(32)), ("second", dice.choice((bytes(32), b"b" * 32)))):
                    content = {"block": block, "epoch": 1, "kind": "finalize", "network": network, "view": 1}
                    fields[name] = sign_statement("vote", content, voting).to_value()
            case "shares.transfer/1":
                target = dice.choice(self.people)
                changes = {"asset": fields["asset"], "from": who.id, "nonce": dice.randbytes(16)}
                fields |= {"to": target.id, "units": dice.choice((1, 2, INTEGER_MAX))}
                accept = self.town.acceptance(0, 0, fields["units"], **changes, signer=target.working, to=target.id)
                fields["accept"] = accept.to_value()
            case _ if name.startswith(owners.NAMES):
                return owners.fit(dice, self.town.state, self.town.now_ms, self.people, name, fields, who).working
            case _ if "job" in fields:
                record = self.town.state.get(b"job/" + fields["job"]) or {}
                parties = ("arbiter",) if name == "work.rule/1" else ("customer", "provider", "arbiter")
                party = record.get(dice.choice(parties))
                if "quantity" in fields:
                    fields["quantity"] = dice.choice((1, 2, record.get("quantity", 1)))
                if "accepted" in fields:
                    fields |= {"accepted": dice.choice((0, 1, 2, record.get("quantity", 1)))}
                return next((one.working for one in self.people if one.id == party), signer)
            case _:
                pass
        return signer

    def sitting_down(self, content: dict[str, Any]) -> dict[str, Any]:
        """The word of some voting key, mostly a fresh one."""
        return sign_statement("seat", content, self.dice.choice(self.voting)).to_value()

    def step(self) -> None:
        """Some entries, in a block if any of them may stand in one."""
        town, dice = self.town, self.dice
        town.now_ms += dice.choice(PAUSES_MS)
        entries, used = [], dict[PublicKey, int]()
        for _ in range(dice.randint(0, 4)):
            signer, operation = self.operation()
            last = used.get(signer.public, last_sequence(town.state, signer.public))
            used[signer.public] = number = last + 1 + (dice.randint(0, 3) if (skips := dice.random() < 0.1) else 0)
            until_ms = town.now_ms + dice.choice((0, HOUR_MS, DAY_MS))
            entry = sign_entry(signer, town.network, number, until_ms, operation, skips=skips)
            if is_fully_signed(entry):
                entries.append(entry)
        step = town.chain.build(entries, town.now_ms, town.chain.head.view + 1)
        if step is None:
            return
        assert town.chain.check(step.blocks, step.blocks[-1].header.view).head == step.head
        town.chain.take(step)
        (block,) = step.blocks
        for entry, outcome in zip(block.entries, block.outcomes, strict=True):
            self.outcomes.add(f"{entry.name}: {outcome}")
            if entry.name == "groups.act/1" and not outcome and town.state.raw(b"act/" + entry.id) is None:
                self.outcomes.add(f"{entry.operation['act']['t']}: ")
            if not outcome and entry.name in ("credits.open/1", "assets.register/1"):
                self.things.append(entry.id)

    def start(self) -> None:
        """Money and machines to quarrel about."""
        for person in range(3):
            self.things += [
                self.town.credit(issuer=person, amount=self.dice.choice((100, 10_000, INTEGER_MAX)), to=person),
                self.town.asset(owner=person, units=self.dice.choice((2, 10, INTEGER_MAX)), title=bytes(32)),
            ]
