"""Questions and answers about where the group is, and what we make of them. PROTOCOL.md 18.2 and 18.3.

A control frame carries a MAC for each member that is to believe it, and no signature: a position is a hash of all that
was said, and nobody shall be able to prove to others who said it. Two answers are enough, since one may lie: who is
further back among the awake waits longer, and keeps silent if two have said its own position.
"""

from ..compat import const
from ..errors import Reject
from ..rare import load, need
from ..wire import CONTROL, TAG, Reader, header, u32
from ..zpinc.me import GROUP
from .group import LIVE, SLOTS, SYNC
from .order import need_search, write_slot
from .outgoing import publish
from .ratchet import MAX_EPOCH, MAX_NUMBER, frame_epoch, frame_hash

# Types of control frames
ASK = const(1)
HEAD = const(2)
NEED = const(3)
WANT = const(4)

MAX_HELD = const(32)
HELD_BYTES = const(6144)
ASK_MS = const(3000)  # between two questions of ours
SYNC_MS = const(4000)  # how long we wait for answers
MAX_ASKS = const(20)
MAX_HEARD = const(504)  # bytes: of 63 questions, and the next comes to them
ANSWER_MS = const(300)  # a rank, before the next one answers
MAX_RANK = const(4)
_BELIEVERS = const(31)  # at most, of one frame
UNSURE_MS = const(1000)  # those who look for it themselves answer after those who know
TELL_MS = const(10000)


# --- control frames


def speak(me, members, group, kind, body, out):
    """To those whom it concerns: who is in the set, or to be in it, and who takes part and may be in it by now."""
    st, by_tag, job = group.state, members.by_tag, group.change.job
    tags = sorted(st.tags if st else job[1] if job else ())
    tags += [tag for tag in sorted(by_tag) if tag not in tags and members.awake(tag) and by_tag[tag].parts & GROUP]
    head, said = header(CONTROL, me.tag, me.session.lamport), bytes((kind,)) + body
    macs = group.vouch(me, members, tags[:_BELIEVERS], me.keys.ad(head, group.id), said)
    frame = me.keys.seal(me.rng, head, group.id, said + macs)
    publish(me, group, frame, None, out)
    return frame


class Control:
    """What a control frame of another member says. Raises Reject."""

    def __init__(self, me, members, group, frame):
        self.tag = frame[2:18]
        m = members.by_tag.get(self.tag)
        if m is None or not m.sessions:
            raise Reject("unknown")
        ad, _, lamport, pt = me.keys.open(frame, CONTROL, group.id)
        if lamport != m.current.lamport:
            raise Reject("stale")
        r = Reader(pt)
        self.kind = r.uint(1)
        self.nonce = r.take(16) if self.kind in (ASK, HEAD) else None
        self.live = self.kind == HEAD and r.uint(1)
        self.number = r.uint(4)
        self.head = r.take(32) if self.kind != WANT else None
        said, macs = pt[: r.pos], r.rest()
        want = self.kind == WANT
        last = MAX_NUMBER if want else MAX_EPOCH
        right = ASK <= self.kind <= WANT and self.live <= 1 and want <= self.number <= last
        if not right or len(macs) % TAG or len(macs) > TAG * _BELIEVERS:
            raise Reject("format")
        self.inside = self.tag in group.tags()
        if self.kind in (HEAD, WANT) and not self.inside and group.state is not None:
            raise Reject("members")
        if not group.vouched(me, members, self.tag, ad, said, macs):
            raise Reject("bad_hmac")
        self.position = (self.number, self.head)


def receive(me, members, group, frame, now, out):
    """A control frame. Raises Reject."""
    s = group.search
    if frame[2:18] == me.tag:
        if frame == s.question:
            sync = need_search(group)
            sync.step(me, members, group, sync.ECHO, None, now, out)
        return
    c = Control(me, members, group, frame)
    answer = c.kind == HEAD and c.live and c.nonce in s.nonces
    moves = answer or _moves(group, c)
    if moves:
        need_search(group)  # before anything changes
    elif c.kind == WANT:
        need("smmp.membership", "smmp.packages")
    if group.entry and c.kind in (ASK, HEAD):
        need_search(group)
        _weigh(me, members, group, c, now, out)
        moves = answer or _moves(group, c)  # it may have made us live
    if c.kind == ASK and group.phase in (LIVE, SYNC):
        _owe(members, group, c.nonce, now)
    elif c.kind == HEAD and group.state is not None:
        _heard(group, c)
    elif c.kind == NEED and group.phase in (LIVE, SYNC) and c.number in group.recent:
        frame, slot = group.recent[c.number][0], c.number % SLOTS
        if c.head in (bytes(32), frame_hash(me.suite, frame)) and out.may_report("need%d" % slot, now):
            publish(me, group, frame, slot, out)
    elif c.kind == WANT and group.state is not None:
        load("smmp.membership").wanted(me, members, group, c.tag, c.number, now, out)
    if moves:
        sync = load("smmp.sync")
        sync.step(me, members, group, sync.ANSWER if answer else sync.CLAIM, c, now, out)


def listed(me, members, tag):
    """Is this one of those whom the settings name? Where they name nobody, everyone is."""
    return not me.roster or members.uid_of(tag) in me.roster


def _counts(me, members, group, tag):
    """Does what this one says confirm the group that took us in?"""
    return tag not in (me.tag, group.entry.organizer) and listed(me, members, tag)


def spoken(me, members, group, tag):
    """This member's frame is accepted."""
    if _counts(me, members, group, tag):
        group.entry = None


def _weigh(me, members, group, c, now, out):
    """What another says of where the group is that took us in."""
    e, sync = group.entry, load("smmp.sync")
    if not c.inside or not _counts(me, members, group, c.tag):
        return
    if c.number >= e.epoch and group.passed(c.position):
        group.entry = None
        out.dirty = True
        if group.phase == SYNC and group.search.told:
            sync.go(me, members, group, now, out)
    elif c.live and c.number < e.epoch and group.phase == LIVE:
        sync.start(me, members, group, False, now, out)


def alone(members, group, tag):
    """Is this the one on whose word we are in the group, and is another there to be asked?"""
    e = group.entry
    if e is None or tag != e.organizer:
        return False
    return bool([t for t in group.state.tags if t != tag and members.awake(t)])


def _moves(group, c):
    """Does where it says it is, to whomever, concern us?"""
    if c.kind not in (ASK, HEAD) or not c.inside or c.tag in group.search.liars:
        return False
    if group.phase == LIVE:
        return elsewhere(group, c.position) and (c.live or c.number > group.state.epoch)
    return group.phase == SYNC


# --- our questions


def ask_soon(me, members, group, at_once, now, out):
    """As soon as we may ask again. at_once: whenever we asked last."""
    s = group.search
    s.ask_at = now if at_once or s.asked_at is None else max(now, s.asked_at + ASK_MS)
    if s.ask_at == now:
        ask(me, members, group, now, out)


def ask(me, members, group, now, out):
    s, st, nonce = group.search, group.state, me.rng.bytes(16)
    s.ask_at = None
    s.asked_at = now
    s.echo = False
    s.epoch = st.epoch if st else -1
    s.nonces = s.nonces[-3:] + [nonce]
    s.question = speak(me, members, group, ASK, nonce + (u32(st.epoch) + st.head if st else bytes(36)), out)
    s.deadline = now + SYNC_MS


def ask_frame(me, members, group, epoch, wanted, out):
    """Ask the others to put a frame into its slot again, and look there. wanted: its hash, or zeros."""
    speak(me, members, group, NEED, u32(epoch) + wanted, out)
    load("smmp.fetch").look(me, group, epoch, out)


# --- our answers


def _owe(members, group, nonce, now):
    """Somebody asks."""
    s, answers = group.search, group.search.answers
    if len(answers) < MAX_ASKS and not group.over() and nonce[:8] not in s.heard:
        s.heard = s.heard[-MAX_HEARD:] + nonce[:8]
        wait = _rank(members, group) * ANSWER_MS + UNSURE_MS * (group.phase != LIVE)
        answers.append((nonce, now + wait, None))


def _rank(members, group):
    return min(MAX_RANK, members.rank(group.state.tags))


def _heard(group, c):
    """Somebody answered. Who does not know itself leaves it to any who does."""
    s = group.search
    if group.phase != LIVE:
        if c.live or c.number >= group.state.epoch:
            s.answers = [a for a in s.answers if a[0] != c.nonce]
    elif c.live and group.passed(c.position):
        kept = [a for a in s.answers if a[0] != c.nonce or a[2] in (None, c.tag)]
        s.answers = [(nonce, at, c.tag if nonce == c.nonce else by) for nonce, at, by in kept]


def say(me, members, group, nonce, out):
    """Where we are."""
    st = group.state
    body = nonce + bytes((group.phase == LIVE,)) + u32(st.epoch) + st.head
    speak(me, members, group, HEAD, body, out)


def tell(members, group, now):
    """Somebody does not know where the group is: say it unasked, now and then."""
    s = group.search
    if s.told_at is None or now - s.told_at >= TELL_MS:
        s.told_at = now
        s.answers.append((bytes(16), now + _rank(members, group) * ANSWER_MS, None))


def answer(me, members, group, now, out):
    """What is due."""
    s = group.search
    for given in [a for a in s.answers if now >= a[1]]:
        s.answers.remove(given)
        if group.phase in (LIVE, SYNC):
            say(me, members, group, given[0], out)
            if group.phase == LIVE and out.may_report("slot", now):
                write_slot(me, group, out)


# --- what came


def hold(group, frame):
    """A live frame while we are looking. Of too many the oldest goes; then we ask again once we have caught up."""
    s = group.search
    s.held.append(frame)
    while len(s.held) > MAX_HELD or sum([len(f) for f in s.held]) > HELD_BYTES:
        s.gone = max(s.gone, frame_epoch(s.held.pop(0)))


def hear(group, c):
    """A live member's answer. Of two of one member the lower counts: whoever saw the truth from it kept silent."""
    told = group.search.told
    if c.tag not in told or c.number < told[c.tag][0]:
        told[c.tag] = c.position


def elsewhere(group, position):
    """Is this ahead of us, or another head of our epoch, of one of the last, or of one that slots led us through?"""
    known = position[0] in group.recent or position[0] in group.search.trail
    return (position[0] >= group.state.epoch or known) and not group.passed(position)


def away(group):
    """How many live members named a position that is not ours, and that we believe? One alone may lie."""
    return len([p for p in said_by(group) if elsewhere(group, p)])


def said_by(group, *others):
    """Positions that members other than these told us, and that we believe."""
    s = group.search
    return [s.told[tag] for tag in s.told if tag not in others and tag not in s.liars]


def named(group):
    """Where to go: but for what could not be had. Who is not believed counts when nobody else says anything."""
    s = group.search
    ignored = s.liars if said_by(group) else ()
    if group.entry and [tag for tag in s.told if tag not in s.liars and tag != group.entry.organizer]:
        ignored += (group.entry.organizer,)  # others know better who took us in
    return [s.told[tag] for tag in s.told if tag not in ignored and tag not in s.failed]


def missing(group, ahead):
    """What we looked for cannot be had; ahead: nor can any position that is ahead of us."""
    s = group.search
    for tag in s.told:
        if s.told[tag] == s.target or ahead and s.told[tag][0] > group.state.epoch:
            s.failed += (tag,)


def furthest(group, positions):
    """Of these the one to go to: of two equally far ones our own."""
    return min(positions, key=lambda p: (-p[0], not group.passed(p), p[1]))


def better(a, b):
    """Of two positions: the longer branch; of equally long ones that with the smaller head."""
    return a[0] > b[0] or a[0] == b[0] and a[1] < b[1]


def refuse(group, tag):
    """It named what it could not show."""
    if tag not in group.search.liars:
        group.search.liars += (tag,)
