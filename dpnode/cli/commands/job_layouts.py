"""How jobs, proposals and written entries are laid out."""

from collections.abc import Iterator

from dpnode.cli import shapes
from dpnode.cli.blocks import Block, Column, Note, Table, facts
from dpnode.control.answers import Fields


def job_line(value: Fields) -> str:
    """One change of a job, as `job watch` reports it."""
    parts = [shapes.when(value["time_ms"])] if "time_ms" in value else []
    parts += [str(value[key]) for key in ("state", "binding") if value.get(key)]
    return "  ".join([*parts, str(value.get("text", ""))]).strip()


def written(value: Fields) -> Iterator[Block]:
    """What an entry did: the job or thing, its state, and how binding the entry is by now."""
    if value.get("says"):
        yield Note(text=value["says"])
    now = " now" if value.get("dry_run") else ""
    yield facts(
        value,
        ("Job", "job", shapes.ident),
        ("Call", "call", shapes.ident),
        ("Provider", "provider", shapes.party),
        ("Price", "price", shapes.price),
        ("Delivers by", "deliver_by_ms", shapes.when),
        ("Stands until", "until_ms", shapes.when),
        (f"State{now}", "state", str),
        (f"Paid{now}", "paid", shapes.price),
        (f"Held{now}" if now else "Still held", "held", shapes.price),
        ("State then", "state_then", str),
        ("Paid then", "paid_then", shapes.price),
        ("Held then", "held_then", shapes.price),
        ("Fee", "fee", shapes.price),
        ("Entry", "entry", shapes.ident),
        ("Binding", "binding", str),
        ("Height", "height", shapes.count),
    )
    for note in value.get("notes", []):
        yield Note(text=note)


def called(value: Fields) -> Iterator[Block]:
    """What was asked of whom; the job, once awarded."""
    yield facts(
        value,
        ("Call", "call", shapes.ident),
        ("Function", "function_name", str),
        ("Part", "part", str),
        ("Quantity", "quantity", shapes.count),
        ("Parameters", "parameters", lambda given: "\n".join(f"{key}: {text}" for key, text in given.items())),
        ("Asked", "asked", lambda members: ", ".join(shapes.party(member) for member in members)),
        ("Proposals until", "reply_by_ms", shapes.when),
        ("Needed by", "deliver_by_ms", shapes.when),
        ("Files lacking", "missing_files", lambda names: "\n".join(names)),
        ("State", "state", str),
        ("Job", "job", shapes.ident),
        ("Provider", "provider", shapes.party),
        ("Price", "price", shapes.price),
    )
    if value.get("proposals"):
        yield proposals_table(value)
    for note in value.get("notes", []):
        yield Note(text=note)


def countered(value: Fields) -> Iterator[Block]:
    """A counter, and what the provider proposes instead."""
    yield Note(text=value["says"])
    yield facts(
        value,
        ("Call", "call", shapes.ident),
        ("Provider", "provider", shapes.party),
        ("Round", "round", lambda number: f"{number} of 3"),
        ("State", "state", str),
    )
    if value.get("proposals"):
        yield proposals_table(value)
    for note in value.get("notes", []):
        yield Note(text=note)


def jobs(value: Fields) -> Iterator[Block]:
    """A list of jobs and calls."""
    yield Table(
        columns=(
            Column(title="Id", key="id", shape=shapes.ident),
            Column(title="State", key="state"),
            Column(title="You are", key="role", spare=1),
            Column(title="What", key="what"),
            Column(title="Quantity", key="quantity", shape=shapes.count, right=True, spare=2),
            Column(title="With", key="other", shape=shapes.party),
            Column(title="Price", key="price", shape=shapes.price, right=True),
            Column(title="Needed by", key="deliver_by_ms", shape=shapes.when),
        ),
        rows=value.get("jobs", []),
        empty="No jobs: dpnode job call.",
    )


def one_job(value: Fields) -> Iterator[Block]:
    """One job or call in full."""
    is_job = not str(value.get("id", "")).startswith("call-")
    yield facts(
        value,
        ("Job" if is_job else "Id", "id", str),
        ("Call", "call", shapes.ident),
        ("State", "state", str),
        ("Binding", "binding", str),
        ("Customer", "customer", shapes.party),
        ("Provider", "provider", shapes.party),
        ("Function", "function_name", str),
        ("Design", "design", shapes.ident),
        ("Part", "part", str),
        ("Asset", "asset", shapes.ident),
        ("Parameters", "parameters", lambda given: "\n".join(f"{key}: {text}" for key, text in given.items())),
        ("Quantity", "quantity", shapes.count),
        ("Delivered", "delivered", shapes.count),
        ("Accepted", "accepted", shapes.count),
        ("Price", "price", shapes.price),
        ("Paid", "paid", shapes.price),
        ("Held", "held", shapes.price),
        ("Proposals until", "reply_by_ms", shapes.when),
        ("Promised by" if is_job else "Needed by", "deliver_by_ms", shapes.when),
        ("Arbiters", "arbiters", lambda members: ", ".join(shapes.party(member) for member in members)),
        ("Next", "next", str),
    )
    if value.get("proposals"):
        yield proposals_table(value)
    for note in value.get("notes", []):
        yield Note(text=note)
    if value.get("files"):
        yield Table(
            title="Files",
            columns=(
                Column(title="Name", key="name"),
                Column(title="Size", key="bytes", shape=shapes.size, right=True),
                Column(title="Lies at", key="path"),
            ),
            rows=value["files"],
        )
    if value.get("journal"):
        yield Table(
            title="Journal",
            columns=(
                Column(title="Height", key="height", shape=shapes.count, right=True),
                Column(title="Time", key="time_ms", shape=shapes.when),
                Column(title="By", key="by", shape=shapes.party),
                Column(title="What", key="text"),
            ),
            rows=value["journal"],
        )


def proposals_table(value: Fields) -> Table:
    """The proposals of a call, the one that would be chosen first."""
    return Table(
        title="Proposals",
        columns=(
            Column(title="Id", key="id", shape=shapes.ident),
            Column(title="Provider", key="provider", shape=shapes.party),
            Column(title="Price", key="price", shape=shapes.price, right=True),
            Column(title="Delivers by", key="deliver_by_ms", shape=shapes.when),
            Column(title="Stands until", key="until_ms", shape=shapes.when, spare=1),
            Column(title="State", key="state"),
        ),
        rows=value["proposals"],
    )
