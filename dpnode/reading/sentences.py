"""An entry as a person would say it: "Ada issues 100.00 EUR to Bob".

One sentence per operation, made from its fields and the names members gave themselves; a table, so that an operation
without a sentence is seen by a test. Names bear the warning of a counterfeit already, since nobody finds
a name in a sentence later; other texts of peers stand in it as they are: whoever prints it makes them safe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from dpnode.control.amounts import decimal_text
from dpnode.reading.naming import name_of
from dpnode.safe_text import safe_name
from ledger import queries
from ledger.errors import RemoteError
from ledger.names import Kind, short
from ledger.operations.ballots import ALL_BP, motion_record
from ledger.operations.group_acts import act_record
from ledger.operations.rights import lending
from ledger.operations.share_offers import offer_record
from ledger.operations.witnesses import seat_record
from ledger.operations.work_job import Job, read_job
from ledger.operations.work_terms import PURPOSE, Proposal, read_proposal
from ledger.state import View
from ledger.statement import read_statement

Sentence = Callable[[View, dict[str, Any], bytes], str]


def sentence(view: View, operation: dict[str, Any], author: bytes | None) -> str:
    """What an entry says, in one line without a full stop; `author` is None where the key is not known."""
    who = "somebody" if author is None else called(view, author)
    said = SENTENCES.get(operation["t"])
    if said is None:
        return f"{who} made an entry of a kind this program does not know: {operation['t']}"
    rest = said(view, operation, author or b"")
    note = operation.get("note")
    return f"{who} {rest}: {note}" if isinstance(note, str) and note else f"{who} {rest}"


def called(view: View, member: bytes) -> str:
    """A member's or group's name, or the short id of a stranger."""
    return safe_name(name_of(view, member)) or short(Kind.MEMBER, member)


def money(view: View, credit: bytes, amount: int) -> str:
    """``12.50 EUR``."""
    known = queries.credit(view, credit)
    if known is None:
        return f"{amount} of {short(Kind.CREDIT, credit)}"
    return f"{decimal_text(amount, known.decimals)} {known.unit}"


def price(view: View, lines: list[tuple[str, bytes, int]]) -> str:
    """``12.50 EUR and 10 units of printer``."""
    parts = []
    for kind, thing, amount in lines:
        if kind == "credit":
            parts.append(money(view, thing, amount))
        else:
            parts.append(f"{amount:,} {'units' if kind == 'units' else 'output'} of {thing_called(view, thing)}")
    return " and ".join(parts) or "nothing"


def thing_called(view: View, asset: bytes) -> str:
    """An asset's name, or its short id."""
    known = queries.asset(view, asset)
    return short(Kind.ASSET, asset) if known is None else known.name


def pieces(count: int) -> str:
    """``1 piece``, ``3 pieces``."""
    return "1 piece" if count == 1 else f"{count:,} pieces"


def work_called(view: View, job: Job | Proposal) -> str:
    """What a job is about: the part where one is named, else the number of pieces."""
    part = job.extras.get("part")
    return f"{job.quantity:,} x {part}" if isinstance(part, str) else pieces(job.quantity)


def _of_job(view: View, op: dict[str, Any]) -> str:
    job = read_job(view, op["job"])
    return short(Kind.JOB, op["job"]) if job is None else f"{work_called(view, job)} ({short(Kind.JOB, job.id)})"


def _join(view: View, op: dict[str, Any], author: bytes) -> str:
    return f"is sponsor of {safe_name(_consent(op).get('name', 'a guest'))}, who joins"


def _consent(op: dict[str, Any]) -> dict[str, Any]:
    try:
        return read_statement("join", op["consent"], "consent").content
    except (RemoteError, KeyError):
        return {}


def _award(view: View, op: dict[str, Any], author: bytes) -> str:
    told = []
    for value in op["proposals"]:
        try:
            proposal = read_proposal(read_statement(PURPOSE, value))
        except RemoteError:
            told.append("a proposal that is none")
            continue
        cost = price(view, [(line.kind, line.thing, line.amount) for line in proposal.price])
        told.append(f"{work_called(view, proposal)} to {called(view, proposal.provider)} for {cost}")
    return f"awards {'; '.join(told)}"


def _progress(view: View, op: dict[str, Any], author: bytes) -> str:
    percent = op.get("percent")
    done = "is at work" if percent is None else f"has done {percent} %"
    return f"{done} of {_of_job(view, op)}" if percent is not None else f"{done} on {_of_job(view, op)}"


def _receipt(view: View, op: dict[str, Any], author: bytes) -> str:
    counted = f"accepts {pieces(op['accepted'])}"
    if op.get("rejected"):
        counted += f" and rejects {op['rejected']:,}"
    quality = f": {op['quality']}" if op.get("quality") else ""
    return f"{counted} of {_of_job(view, op)}{quality}"


def _register(view: View, op: dict[str, Any], author: bytes) -> str:
    made = " ".join(op[name] for name in ("maker", "model") if name in op)
    return f"registers {op['name']}, a {op['kind']}{' by ' + made if made else ''}"


def _issue(view: View, op: dict[str, Any], author: bytes) -> str:
    return f"issues {money(view, op['credit'], op['amount'])} to {called(view, op['to'])}"


def _pay(view: View, op: dict[str, Any], author: bytes) -> str:
    return f"pays {money(view, op['credit'], op['amount'])} to {called(view, op['to'])}"


def _transfer(view: View, op: dict[str, Any], author: bytes) -> str:
    return f"transfers {op['units']:,} units of {thing_called(view, op['asset'])} to {called(view, op['to'])}"


def _profile(view: View, op: dict[str, Any], author: bytes) -> str:
    return f"goes by the name {safe_name(op['name'])}" if "name" in op else "changes their profile"


def _motion(view: View, motion: bytes) -> str:
    record = motion_record(view, motion)
    written = short(Kind.MOTION, motion)
    return written if record is None else f"{matter_called(view, record['matter'])} ({written})"


def matter_called(view: View, matter: Mapping[str, Any]) -> str:
    """What a motion is about: "a witness's seat for Ben"."""
    if matter["kind"] in MATTERS:
        return MATTERS[matter["kind"]].format(called(view, matter["member"]))
    return _decision(view, matter)


MATTERS: Mapping[str, str] = MappingProxyType(
    {"seat": "a witness's seat for {}", "unseat": "taking the witness's seat of {}"}
)
"""Kind of motion of all members -> what is to be, with room for the member it is about."""


def _decision(view: View, matter: Mapping[str, Any]) -> str:
    """What co-owners decide."""
    asset = thing_called(view, matter["asset"])
    match matter["kind"]:
        case "operator":
            return f"{called(view, matter['operator'])} as operator of {asset}"
        case "repair":
            cost = matter.get("cost")
            price_of_it = f" for {money(view, cost['credit'], cost['amount'])}" if cost else ""
            return f"a repair of {asset}{price_of_it}: {' '.join(matter['what'].split())}"
        case "sell":
            bid = offer_record(view, matter["bid"])
            if bid is None or "credit" not in bid:
                return f"selling {asset} whole"
            return f"selling {asset} whole to {called(view, bid['by'])} for {money(view, bid['credit'], bid['amount'])}"
        case "terms":
            needs = (f"{kind} {needed_called(bp)}" for kind, bp in sorted(matter["needs"].items()))
            return f"terms of {asset}: {', '.join(needs)}"
        case "uses":
            uses = ", ".join(f"{measure_called(one['amount'])} of {one['what']}" for one in matter["uses"])
            return f"the use of {asset}: {uses or 'none'}"
        case _:
            names = " and ".join(part["name"] for part in matter["parts"])
            return f"dividing {asset} into {names}"


def needed_called(bp: int) -> str:
    """How much of all votes a decision needs: "more than 50 %", "all"."""
    return "all" if bp == ALL_BP else f"more than {decimal_text(bp, 2).removesuffix('.00')} %"


def measure_called(value: Mapping[str, Any]) -> str:
    """``40 h``, ``7/2 h``."""
    number = str(value["n"]) if value["d"] == 1 else f"{value['n']}/{value['d']}"
    return f"{number} {value['u']}"


def _offer_of(view: View, op: dict[str, Any]) -> str:
    record = offer_record(view, op["offer"])
    if record is None:
        return f"an offer ({short(Kind.ENTRY, op['offer'])})"
    asset = thing_called(view, record["asset"])
    if "credit" in record:
        return f"the bid of {money(view, record['credit'], record['amount'])} for all of {asset}"
    return f"{record['units']:,} units of {asset} that {called(view, record['by'])} offered"


def _offer(view: View, op: dict[str, Any], author: bytes) -> str:
    return f"offers {op['units']:,} units of {thing_called(view, op['asset'])} to {called(view, op['to'])}"


def _bid(view: View, op: dict[str, Any], author: bytes) -> str:
    return f"bids {money(view, op['credit'], op['amount'])} for all of {thing_called(view, op['asset'])}"


def _lend(view: View, op: dict[str, Any], author: bytes) -> str:
    asset = thing_called(view, op["asset"])
    return f"lends the {op['right']} of {op['units']:,} units of {asset} to {called(view, op['to'])}"


def _return(view: View, op: dict[str, Any], author: bytes) -> str:
    record = lending(view, op["lent"])
    if record is None:
        return f"gives back what was lent ({short(Kind.ENTRY, op['lent'])})"
    return f"gives back the {record['right']} of {record['units']:,} units of {thing_called(view, record['asset'])}"


def _static(view: View, op: dict[str, Any], author: bytes) -> str:
    asset = thing_called(view, op["asset"])
    return f"{'keeps' if op['static'] else 'no longer keeps'} their part of {asset} from any buy-out"


def _found(view: View, op: dict[str, Any], author: bytes) -> str:
    others = [called(view, one["member"]) for one in op["members"] if one["member"] != author]
    with_them = f" with {', '.join(others)}" if others else ""
    return f"founds the group {safe_name(op['name'])}{with_them}"


def _act(view: View, op: dict[str, Any], author: bytes) -> str:
    return f"puts to {called(view, op['group'])}: {inner(view, op['act'], op['group'])}"


def inner(view: View, act: dict[str, Any], group: bytes) -> str:
    """What a group does, without the group: "pays 12.00 EUR to Ben"."""
    return SENTENCES[act["t"]](view, act, group)


def _of_act(view: View, op: dict[str, Any]) -> str:
    record = act_record(view, op["act"])
    if record is None:
        return f"to an act of a group ({short(Kind.ENTRY, op['act'])})"
    return f"that {called(view, record['group'])} {inner(view, record['act'], record['group'])}"


def _change(view: View, op: dict[str, Any], author: bytes) -> str:
    parts = [f"goes by the name {safe_name(op['name'])}"] if "name" in op else []
    parts += [f"needs {op['needed']:,}"] if "needed" in op else []
    parts += [f"asks {', '.join(called(view, one['member']) for one in op['ask'])}"] if "ask" in op else []
    parts += [f"removes {', '.join(called(view, one) for one in op['remove'])}"] if "remove" in op else []
    parts += ["takes gifts" if op["gifts"] else "takes no gifts"] if "gifts" in op else []
    return " and ".join(parts) or "stays as it is"


def _open(view: View, op: dict[str, Any], author: bytes) -> str:
    about = f": {' '.join(op['about'].split())}" if "about" in op else ""
    return f"puts to the vote {matter_called(view, op['matter'])}{about}"


def _vote(view: View, op: dict[str, Any], author: bytes) -> str:
    return f"says {'yes' if op['yes'] else 'no'} to {_motion(view, op['motion'])}"


def _evidence(view: View, op: dict[str, Any], author: bytes) -> str:
    seat = seat_record(view, op["first"]["key"])
    whose = short(Kind.KEY, op["first"]["key"]) if seat is None else called(view, seat["member"])
    return f"shows two votes of {whose} that no honest witness casts both"


SENTENCES: Mapping[str, Sentence] = MappingProxyType(
    {
        "membership.invite/1": lambda view, op, author: "makes an invitation",
        "membership.uninvite/1": lambda view, op, author: "takes an invitation back",
        "membership.join/1": _join,
        "membership.machine/1": lambda view, op, author: "adds a machine",
        "membership.unbind/1": lambda view, op, author: "takes a machine away",
        "membership.profile/1": _profile,
        "membership.certify/1": lambda view, op, author: "names one more working key",
        "membership.revoke/1": lambda view, op, author: "ends a working key",
        "membership.rotate/1": lambda view, op, author: "changes to the next root key",
        "membership.leave/1": lambda view, op, author: "leaves the network",
        "credits.open/1": lambda view, op, author: f"opens the credit {op['unit']}, good for {op['redeemable']}",
        "credits.issue/1": _issue,
        "credits.pay/1": _pay,
        "credits.redeem/1": lambda view, op, author: f"redeems {money(view, op['credit'], op['amount'])}",
        "assets.register/1": _register,
        "assets.vouch/1": lambda view, op, author: f"vouches for the title of {thing_called(view, op['asset'])}",
        "shares.transfer/1": _transfer,
        "shares.offer/1": _offer,
        "shares.take/1": lambda view, op, author: f"takes {_offer_of(view, op)}",
        "shares.bid/1": _bid,
        "shares.withdraw/1": lambda view, op, author: f"takes back or declines {_offer_of(view, op)}",
        "shares.lend/1": _lend,
        "shares.return/1": _return,
        "shares.static/1": _static,
        "groups.found/1": _found,
        "groups.join/1": lambda view, op, author: f"joins {called(view, op['group'])}",
        "groups.leave/1": lambda view, op, author: f"leaves or declines {called(view, op['group'])}",
        "groups.act/1": _act,
        "groups.agree/1": lambda view, op, author: f"agrees {_of_act(view, op)}",
        "groups.disagree/1": lambda view, op, author: f"no longer agrees {_of_act(view, op)}",
        "groups.change/1": _change,
        "work.award/1": _award,
        "work.progress/1": _progress,
        "work.deliver/1": lambda view, op, author: f"delivers {pieces(op['quantity'])} of {_of_job(view, op)}",
        "work.receipt/1": _receipt,
        "work.claim/1": lambda view, op, author: f"claims payment for {_of_job(view, op)} after silence",
        "work.cancel/1": lambda view, op, author: f"cancels {_of_job(view, op)}",
        "work.fail/1": lambda view, op, author: f"gives up {_of_job(view, op)}: {op['reason']}",
        "work.void/1": lambda view, op, author: f"calls off {_of_job(view, op)} as long overdue",
        "work.dispute/1": lambda view, op, author: f"disputes {_of_job(view, op)}: {op['reason']}",
        "work.rule/1": lambda view, op, author: (
            f"rules that {decimal_text(op['provider_bp'], 2)} % of what is left of "
            f"{_of_job(view, op)} goes to the provider"
        ),
        "motion.open/1": _open,
        "motion.vote/1": _vote,
        "motion.withdraw/1": lambda view, op, author: f"withdraws {_motion(view, op['motion'])}",
        "seat.accept/1": lambda view, op, author: f"takes {_motion(view, op['motion'])}",
        "seat.rekey/1": lambda view, op, author: "votes under a fresh key from now on",
        "seat.resign/1": lambda view, op, author: "gives up the witness's seat",
        "evidence.votes/1": _evidence,
    }
)
"""Operation -> what its author does, without the author."""
