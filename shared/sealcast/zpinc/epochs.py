"""The epochs of a channel: which there are, when a new one is wanted, when an old one goes, and what is said in them.
PROTOCOL.md sections 9.1, 9.5, 10, 11.

How members agree on one is rekey.py's business, its mathematics cpace.py's: both are rare. Here is what they
work on, and what is asked after every input. Where `modes` leave conversations out, silent.py stands in its place.
"""

from ..compat import const, due
from ..crypto.signing import check, received
from ..effects import Message
from ..errors import Reject
from ..journal import used
from ..rare import load, need
from ..wire import Reader, pad, u32, unpad_asking
from . import heard
from .me import CONVERSATIONS
from .members import AWAKE, LEFT, PRESENT
from .messages import missing

# Message types of the handshake; RETRY is added by a sender that is still waiting and wants the answers again
PROPOSE = const(1)
SHARE = const(2)
SUM = const(3)
CONFIRM = const(4)
STALE = const(5)
ASK = const(6)
RETRY = const(0x80)

# States of an attempt
SHARES = const(0)
SUMS = const(1)
KEYED = const(2)

MAX_MEMBERS = const(32)

DEBOUNCE_MS = const(600)
STEP_MS = const(1500)  # how much later the next member in order proposes, should the first be silent
INTERVAL_MS = const(3000)  # between the end of one attempt and the next proposal
APART_MS = const(10000)  # more than a new epoch takes to be told (presence.py)
GRACE_MS = const(60000)  # how long the previous epoch stays readable


class Proposal:
    """{members with sids, attempt, nonce, previous epoch}: who, and a name that no other handshake has."""

    def __init__(self, proposer, attempt, nonce, previous, parties):
        self.proposer = proposer  # tag, 16 bytes
        self.attempt = attempt
        self.nonce = nonce
        self.previous = previous  # hid of the proposer's last epoch, or 32 zero bytes
        self.parties = parties  # [(tag 16, sid 16)], ascending

    @property
    def rank(self):
        """The highest (attempt, P_i) wins."""
        return (self.attempt, self.proposer)


class Attempt:
    """Our part in one proposed handshake, as data: cpace.py computes with it, by the letters of the paper.

        SHARES --all Z--> SUMS --all X--> KEYED --all confirmations--> CONFIRMED
          n = 2 goes from SHARES to KEYED: there is no X.

    names: P_i of every party, in the proposal's order; latest: sid of the newest join among the parties. y is
    fresh for this attempt, never stored, and gone when the key is known."""

    def __init__(self, proposal, names, my_tag, latest):
        self.proposal = proposal
        self.names = names
        self.tags = [t for t, _ in proposal.parties]
        self.n = len(names)
        self.me = self.tags.index(my_tag)
        self.latest = latest
        self.hid = None
        self.y = bytearray(32)
        self.Z = [None] * self.n
        self.X = [None] * self.n
        self.A = None  # y Z_{i-1}
        self.ISK = None
        self.kc = None
        self.transcript = None
        self.confirmed = set()  # indices
        self.early = {}  # index -> a confirmation that came before we knew the key, to be checked then
        self.state = SHARES

    def waiting_for(self):
        """Tags of the parties whose next message is missing."""
        have = self.Z if self.state == SHARES else self.X if self.state == SUMS else None
        lack = [have[i] is None if have else i not in self.confirmed for i in range(self.n)]  # ours is never missing
        return [tag for tag, lacks in zip(self.tags, lack) if lacks]

    def forget(self, suite):
        """Erase what could open the epoch, once its keys are derived elsewhere. Confirmations can still be answered."""
        suite.wipe(self.y)
        self.A = None
        self.ISK = None


# --- who and when


def target(me, members, now):
    """[(tag, sid)] of the awake members that answer, ourselves included, ascending, at most 32."""
    out = [(me.tag, me.session.sid)]
    for m in members.by_tag.values():
        if m.status == AWAKE and m.parts & CONVERSATIONS and m.current and now >= m.silent_until:
            out.append((m.tag, m.current.sid))
    return sorted(out)[:MAX_MEMBERS]


def wanted(me, members, epochs, parties, now):
    """Does the current epoch no longer fit these?"""
    if len(parties) < 2 or not me.parts & CONVERSATIONS or (me.tag, me.session.sid) not in parties:
        return False
    e = epochs.current
    if e is None or epochs.requested:
        return True
    if now - e.since >= me.config["rekey_seconds"] * 1000 or e.messages >= me.config["rekey_messages"]:
        return True
    have = [(tag, sid) for tag, sid, _ in e.parties]
    return bool([p for p in parties if p not in have] or [p for p in have if not _present(me, members, p[0], p[1])])


def _present(me, members, tag, sid):
    if tag == me.tag:
        return sid == me.session.sid
    m = members.by_tag.get(tag)
    return m is not None and m.status in PRESENT and m.current is not None and m.current.sid == sid


def left(members, proposal):
    """Parties that have left, or begun anew: nothing can come of it."""
    parties = [(members.by_tag.get(tag), sid) for tag, sid in proposal.parties]
    return [m for m, sid in parties if m and (m.status == LEFT or m.current is None or m.current.sid != sid)]


def plan(me, members, epochs, now, out):
    """After every input: arm or disarm the proposal; drop an epoch that nobody else is in."""
    e = epochs.current
    if e and not any([_present(me, members, tag, sid) for tag, sid, _ in e.parties if tag != me.tag]):
        retire(epochs, None, now, out)
    _apart(members, epochs, now, out)
    if epochs.running():
        gone = left(members, epochs.attempt.proposal)
        if not gone:
            return
        for m in gone:  # else who comes and goes would keep the others from agreeing
            m.strike(now)
        abort(me, members, epochs, "left", None, now, out)
    parties = target(me, members, now)
    if not wanted(me, members, epochs, parties, now):
        epochs.propose_at = None
        return
    if epochs.propose_at is None:
        epochs.turn_at = max(now + DEBOUNCE_MS, epochs.not_before)
    # Our place among whom we know by now: who come at once are not known at once.
    epochs.propose_at = epochs.turn_at + members.rank([tag for tag, _ in parties]) * STEP_MS


def moved(me, epochs):
    """May a message have changed what `plan` looks at?"""
    e = epochs.current
    return epochs.running() or epochs.apart_at is not None or e and e.messages >= me.config["rekey_messages"]


def _apart(members, epochs, now, out):
    """Every awake party of our epoch that has said where it is is in another one: what we say there nobody hears."""
    e, said = epochs.current, []
    if e and not epochs.running():
        parties = [members.by_tag.get(tag) for tag, _, _ in e.parties]
        said = [m for m in parties if m and m.status == AWAKE and m.epoch is not None]
    if not said or [m for m in said if m.epoch == e.id]:
        epochs.apart_at = None
    elif epochs.apart_at is None:
        epochs.apart_at = now + APART_MS
    elif now >= epochs.apart_at:
        epochs.apart_at = None
        out.event("apart", {"epoch": e.name, "from": sorted([m.uid for m in said])})
        retire(epochs, None, now, out)


def times(me, members, epochs, now):
    """When `tick` has something to do while we are online."""
    out = [epochs.propose_at, epochs.apart_at]
    if epochs.running():
        out += [epochs.retry_at, epochs.deadline]
    elif epochs.current:
        old = epochs.current.since + me.config["rekey_seconds"] * 1000
        if old > now:  # when it has passed and nobody is there to agree with, somebody's presence brings us back
            out.append(old)
    return out + [m.silent_until for m in members.by_tag.values() if m.status == AWAKE and m.silent_until > now]


def at_work(epochs, now):
    """Is it time for rekey.tick? Then have it. Raises NoRoom."""
    late = epochs.running() and (due(epochs.retry_at, now) or due(epochs.deadline, now))
    if late or due(epochs.propose_at, now):
        return need("zpinc.rekey", "zpinc.cpace")


# --- what becomes of them


def find(epochs, epoch_id):
    """The epoch a conversation frame names; Reject("epoch") when it is none of ours (any more)."""
    for e in epochs.readable():
        if e.id == epoch_id:
            return e
    raise Reject("epoch")


def vouch(me, members, epochs, epoch, tag, now, out):
    """A signed frame of the epoch is its sender's confirmation."""
    a = epochs.attempt
    if epochs.running() and a.state == KEYED and a.hid == epoch.hid:
        load("zpinc.cpace").vouch(a, a.tags.index(tag))
        load("zpinc.rekey").progress(me, members, epochs, now, out)


def abort(me, members, epochs, reason, uid, now, out):
    """The attempt in progress cannot succeed. uid: whose fault it is, or None."""
    a, epochs.attempt = epochs.attempt, None
    a.forget(me.suite)
    pass_over(epochs, now)
    epochs.not_before = now + INTERVAL_MS
    waiting = [members.uid_of(tag) for tag in a.waiting_for()]
    out.event("handshake_failed", {"reason": reason, "uid": uid, "waiting": waiting})


def resume(epochs, now):
    """What was stored goes on from now: no clock outlives a restart."""
    if epochs.current:
        epochs.current.since = now
    if epochs.previous:
        epochs.previous_until = now


def expire(epochs, now, out):
    """What has had its time goes, online or not: an epoch's keys, and what we answered those with who still waited."""
    if epochs.previous and now >= epochs.previous_until:
        epochs.previous = None
        out.dirty = True
    epochs.passed = [(e, until) for e, until in epochs.passed if now < until]
    if epochs.attempt and not epochs.running() and now >= epochs.deadline:
        epochs.attempt, epochs.sent = None, {}


def ends(epochs):
    """When `expire` has something to do."""
    return [until for _, until in epochs.passed] + ([epochs.previous_until] if epochs.previous else [])


def pass_over(epochs, now):
    """An attempt ends that is not confirmed here. It may be elsewhere, and then its epoch is spoken in."""
    if epochs.pending:
        _keep(epochs, epochs.pending, now + GRACE_MS)
        epochs.pending = None


def _keep(epochs, epoch, until):
    """What is still on its way in it is read; of more than two the one goes whose time ends first."""
    epochs.passed = sorted(epochs.passed + [(epoch, until)], key=lambda kept: kept[1])[-2:]


def retire(epochs, new, now, out):
    """The current epoch becomes the previous one; `new`, or none, takes its place."""
    if epochs.previous:
        _keep(epochs, epochs.previous, epochs.previous_until)
    epochs.previous, epochs.current = epochs.current, new
    epochs.previous_until = now + GRACE_MS
    out.dirty = True
    uids = [uid for _, _, uid in new.parties] if new else []
    out.event("rekeyed", {"epoch": new.name if new else None, "members": uids})


# --- messages in them


def send(me, members, epochs, body, time, asks, out):
    """-> frame."""
    out.outbox.room()
    epoch, topic = epochs.current, me.topic("c")
    frame = epoch.seal(me, u32(time) + members.heard.named() + pad(body, asks), me.config["sign"])
    epoch.messages += 1
    i = epoch.index(me.tag)
    later = out.move((epoch, i), epoch.chains[i][1], (), me.suite)
    out.publish(topic, frame, False, out.wait((topic, frame, False, None), 0, later))
    return frame


def missed(me, epochs, member, said, out):
    """A presence says how many messages went out in its member's epochs: what we have not got by now was lost.

    said: [(first bytes of the epoch's id, count)]."""
    for epoch in epochs.readable():
        for name, count in said:
            if epoch.id[: len(name)] == name and member.tag in [p[0] for p in epoch.parties]:
                lost = epoch.skip(me.suite, member.tag, count)
                if lost:
                    missing(member, lost, "conversation", out)


def receive(me, members, epochs, member, frame, now, out):
    epoch = find(epochs, frame[2:18])
    if epochs.running():
        need("zpinc.rekey", "zpinc.cpace")
    signed = me.config["sign"]
    ad, pt, i, number, key, skipped = epoch.open(me.keys, frame, member.tag)
    session = member.session(epoch.parties[i][1])
    if signed:
        pt = check(me.suite, session.S, ad, pt, epoch.hid)
    r = Reader(pt)
    time, marks, (body, asks) = r.uint(4), heard.read(r), unpad_asking(r.rest())
    expected, later = epoch.chains[i][1], False
    stored = epoch in (epochs.current, epochs.previous)
    epoch.messages += 1
    if key is not None:
        epoch.move(i, key, number + 1, skipped)
        later = stored and out.move((epoch, i), number + 1, skipped)
    else:
        epoch.skipped.pop((i, number))
        if stored:
            out.record(used(epoch, i, number))
    if number > expected:
        missing(member, (expected, number - 1), "conversation", out)
    if epoch is epochs.current:
        member.epoch = epoch.id
    if signed:  # unsigned it proves only the key, which a man in the middle has too
        vouch(me, members, epochs, epoch, member.tag, now, out)
    origin = "member" if signed else "group"
    age, live = heard.age(members.heard.since(marks), now, me.config)
    message = Message(member.uid, body, "conversation", origin, time, number, not live, epoch.name, age)
    if number < epoch.doubt.get(i, 0):
        message.again = True
    out.deliver(message, later)
    if asks and live:  # whoever acts on what is live has not acted on this
        out.owe(True, received(me.suite, member.tag, frame))
