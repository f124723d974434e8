"""Questions about jobs, the inbox and the reasons a policy gave."""

from dataclasses import field

from dpnode.control.questions.base import Named, Question, Texts, question
from dpnode.control.questions.network import WAIT_MS


@question("job.call", streams=True)
class JobCall(Question):
    """Ask the network for something: a part of a design, or a function with parameters; both: make it in that way."""

    design: str | None = None
    """Absolute path of a design manifest (OKH)."""
    part: str | None = None
    """Name of the part within the design; may be absent when the design has one part."""
    function: str | None = None
    """Id or name."""
    parameters: Named = field(default_factory=dict)
    """Added to, and overriding, what the design says."""
    quantity: int = 1
    deliver_by_ms: int | None = None
    """Unix milliseconds."""
    reply_by_ms: int | None = None
    place: str | None = None
    """"lat,lon" in degrees; rounded to about 5 km before it leaves the node."""
    asset: str | None = None
    """Make it on this asset only."""
    files: Texts = ()
    """Absolute paths of further files the provider will need."""
    budget: Texts = ()
    """The most to pay, one amount per text, e.g. "20.00 EUR@founder"."""
    arbiters: Texts = ()
    """Members; the charter's when empty."""
    automatic: bool | None = None
    """Whether the policy awards; the settings decide when absent."""
    wait_ms: int = 0
    """How long to stay and report proposals and the award; 0 answers once the call is out."""
    dry_run: bool = False


@question("job.list", offline=True)
class JobList(Question):
    """Jobs and open calls this member takes part in, newest first."""

    state: str | None = None
    everybody: bool = False
    """Jobs of all members, not only one's own."""
    limit: int = 50


@question("job.show", offline=True)
class JobShow(Question):
    """One job or call, in full."""

    id: str


@question("job.watch", streams=True)
class JobWatch(Question):
    """Report each change of a job or call until it has ended or the time is over."""

    id: str
    wait_ms: int = 24 * 3_600_000


@question("job.award")
class JobAward(Question):
    """Award proposals, all or none; their money is held."""

    proposals: Texts
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("job.counter")
class JobCounter(Question):
    """Ask one provider to propose differently; its earlier proposals stand meanwhile."""

    id: str
    """A proposal; or a call, with `member`."""
    member: str | None = None
    """Whom to ask, where `id` is a call."""
    price: str | None = None
    """At most this for all of it, in the credit of the proposal."""
    deliver_by_ms: int | None = None
    quantity: int | None = None
    wait_ms: int = WAIT_MS
    """How long to wait for the answer."""
    dry_run: bool = False


@question("job.progress")
class JobProgress(Question):
    """Say how far the work is; also a sign of life."""

    id: str
    percent: int | None = None
    note: str | None = None
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("job.deliver")
class JobDeliver(Question):
    """Say that so many were delivered."""

    id: str
    quantity: int | None = None
    """What is still outstanding when absent."""
    evidence: Texts = ()
    """Absolute paths; named on the ledger by salted hash."""
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("job.receive")
class JobReceive(Question):
    """Receipt a delivery; what is accepted is paid."""

    id: str
    accepted: int | None = None
    """Everything delivered and not yet receipted when absent."""
    rejected: int | None = None
    quality: str | None = None
    evidence: Texts = ()
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("job.claim")
class JobClaim(Question):
    """Provider: take the payment after the customer was silent through the inspection time."""

    id: str
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("job.cancel")
class JobCancel(Question):
    """Customer: cancel a job with the fee of its stage, or close an open call. After void-after: void it free."""

    id: str
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("job.fail")
class JobFail(Question):
    """Provider: say that the work cannot be done; the money goes back."""

    id: str
    reason: str
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("job.dispute")
class JobDispute(Question):
    """Ask the job's arbiter to decide; claims and payments wait."""

    id: str
    reason: str
    evidence: Texts = ()
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("job.rule")
class JobRule(Question):
    """Arbiter: divide what is held."""

    id: str
    provider_bp: int
    """The provider's part in basis points, 0 to 10,000; the customer gets the rest."""
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("inbox.list")
class InboxList(Question):
    """What waits for a person on this node."""


@question("inbox.show")
class InboxShow(Question):
    """One waiting matter, in full."""

    id: str


@question("inbox.approve")
class InboxApprove(Question):
    """Let a waiting matter go ahead."""

    id: str
    price: Texts = ()
    """Ask this instead of what the policy reckoned, where the matter is a proposal."""
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("inbox.refuse")
class InboxRefuse(Question):
    """Turn a waiting matter down."""

    id: str
    reason: str = ""
    dry_run: bool = False


@question("why")
class Why(Question):
    """Replay how a call, proposal or job was decided here."""

    id: str
