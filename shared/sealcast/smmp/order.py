"""Which frame is next, for everybody alike, and what the channel asks of its group. PROTOCOL.md 17.4, 18.1 and 18.4.

The broker's order on the live topic is the group's order: of the frames made for one state the first wins. What every
message needs stands here; the rest is loaded, at the door where it is known what will be needed (`need`: NoRoom says
that nothing has happened yet). What is found missing later ends as any internal error does: the member goes on from
what it stored.
"""

from ..compat import const, due, hexlify
from ..effects import Message
from ..errors import Reject
from ..rare import load, need
from ..wire import AGREEMENT, CONTROL, MAX_FRAME, RATCHET, TAG, Reader
from ..zpinc import heard
from . import outgoing, ratchet
from .group import AHEAD, CALM, LIVE, NONE, PHASE, REJOIN, SLOTS, STEP_MS, SYNC, Group, Undo, own_tag, static, statics
from .outgoing import APPLICATION, ASKING, LEAVE, NUMBERED, PRIVATE, PRIVATE_ASKING, REFRESH, mark, publish, wrapped
from .ratchet import HINT, MAX_EPOCH, frame_epoch, frame_prev, hint

RECENT = const(2048)  # bytes of accepted frames kept in memory, for slots that their winner did not write


# --- what the channel asks; absent.py answers the same where there is no group


begin = Group  # at this place, before anything is known of it


def pieces(group):
    """The group's part of the stored state, as a list of bytes."""
    return load("smmp.state").pieces(group)


def unpack(me, members, group, data):
    """The stored group, if there was one. Raises Reject."""
    if data:
        load("smmp.state").unpack(members, group, data)
    if not data or group.tags() and group.state.group != group.id:  # left out for a while, or of another name
        group.__init__(me)
        me.end_session()  # how far our numbers had come in the group is forgotten: a new one has its own


def online(me, members, group, now, out):
    packages, fetch, sync = load("smmp.packages"), load("smmp.fetch"), load("smmp.sync")
    for slot in range(AHEAD):
        out.subscribe(me.topics.prefix + "+/k/%d" % slot)
    out.subscribe(me.topics.make(group.name, "g"))
    packages.publish(me, group, out)
    if group.phase == NONE:
        fetch.everything(me, group, out)
        if group.outgoing.pending:
            outgoing.submit(me, group, group.outgoing.pending, now, out)
    sync.begin(me, members, group, now, out)


def offline(group):
    """The connection is gone."""
    if group.phase == LIVE:
        group.phase = SYNC
    group.search.stop()
    group.outgoing.stop()
    group.change.stop()


def send(me, members, group, body, time, to, asks, now, out):
    """to: tag of the only receiver, or None. asks: for a receipt. -> the message's lead. Raises NoGroup, OutboxFull,
    TooLong."""
    kind = (PRIVATE_ASKING if asks else PRIVATE) if to else ASKING if asks else APPLICATION
    return outgoing.send(me, members, group, kind, body, time, to, now, out)


def change(me, members, group, action, tags, now, out):
    """action: "create", "add", "remove", "leave", "resync" or "rejoin". Raises NoGroup."""
    if action == "leave" and not group.over() and not group.leaving:
        group.leaving = group.state is not None
        outgoing.send(me, members, group, LEAVE, b"", 0, None, now, out)
    else:
        _need_all(group).change(me, members, group, action, tags, now, out)


def summary(members, group):
    """What a person or program may see of where we are, None outside of a group. Equal epoch, head and digest: equal
    transcripts."""
    st = group.state
    if st is None:
        return None
    uids = sorted([members.uid_of(tag) or "?" for tag in st.tags])
    return {"phase": PHASE[group.phase], "members": uids, "epoch": st.epoch, "head": hexlify(st.head),
            "digest": hexlify(st.digest)}  # fmt: skip


def place(group):
    """What our presence says of where we are: (epoch, head[:16]), None unless we are live."""
    return (group.state.epoch, group.state.head[:16]) if group.phase == LIVE else None


def tags(group):
    """Of whom a message reaches: the present set; while one member alone says that it is one, that member."""
    return group.tags() if group.entry is None else (group.entry.organizer,)


def seeking(group):
    """Are we about to know where the group is?"""
    return group.phase == SYNC


def uids(members, group):
    """Of all in the group, ourselves included, and of those who are to be: who shall be together after a move, too."""
    return [uid for uid in [members.uid_of(tag) for tag in group.tags()] if uid] + group.change.together


def unite(group, uids):
    """The channel has moved to another key: these are to be in one group there, see regroup.py."""
    group.change.together = uids


def package(me, group, member, frame, now):
    """A package of another member. Raises Reject."""
    need_packages().receive(me, group, member, frame)
    if member.uid in group.change.together and group.change.at is None:
        group.change.at = now + STEP_MS


def session_began(me, group, out):
    """We have a new session: it signs our packages."""
    load("smmp.packages").publish(me, group, out)


def renewed(group, tag):
    """A member (None: none) began a new session: its packages are void."""
    group.packages.forget(tag)


def departed(me, members, group, tag, out):
    """A member went away: what it said last may not stand in its slot."""
    if group.phase == LIVE and members.rank(group.state.tags) == 0:
        for epoch in group.recent:
            if group.recent[epoch][1] == tag:
                publish(me, group, group.recent[epoch][0], epoch % SLOTS, out)


def need_tick(group, now):
    """Have what tick() uses now. Raises NoRoom, as the others."""
    s = group.search
    outgoing.need_private(group)
    if due(s.deadline, now):
        need_search(group)
    if due(s.ask_at, now) or [at for _, at, _ in s.answers if now >= at]:
        need("smmp.heads")
    if due(group.change.at, now) and not group.outgoing.pending:
        need_agreements()
        if group.change.together:
            need("smmp.regroup")
            need_search(group)
    if due(group.outgoing.refresh_at, now):
        need_packages()


def need_search(group):
    """Whatever it may lead to, the frames in hand included. -> sync."""
    s, pending = group.search, group.outgoing.pending
    outgoing.need_private(group)
    frames = s.held + list(s.early.values()) + ([pending.frame] if pending else [])
    if [frame for frame in frames if frame[1] == AGREEMENT]:
        need_agreements()
    return need("smmp.sync", "smmp.heads", "smmp.fetch", "smmp.suspicion", "smmp.packages")


def need_agreements():
    return need("smmp.membership", "smmp.agreement", "smmp.packages", "smmp.private")


def need_packages():
    return need("smmp.packages")


def _need_all(group):
    need_search(group)
    return need_agreements()


def tick(me, members, group, now, out):
    s = group.search
    if due(s.ask_at, now):
        load("smmp.heads").ask(me, members, group, now, out)
    if [at for _, at, _ in s.answers if now >= at]:
        load("smmp.heads").answer(me, members, group, now, out)
    if due(s.deadline, now):
        sync, s.deadline = load("smmp.sync"), None
        sync.step(me, members, group, sync.LATE, None, now, out)
    outgoing.tick(me, members, group, now, out)
    if due(group.change.at, now) and not group.outgoing.pending:
        load("smmp.membership").make(me, members, group, now, out)


def times(group):
    """When tick() has something to do."""
    s, change = group.search, group.change
    waits = [s.ask_at, s.deadline] + [at for _, at, _ in s.answers] + outgoing.times(group)
    return waits if group.outgoing.pending else waits + [change.at]


# --- frames


def receive(me, members, group, stream, payload, now, out):
    """Anything on the group's topics. Raises Reject."""
    if not 22 + 2 * TAG <= len(payload) <= MAX_FRAME:
        raise Reject("length")
    frame = payload[:-TAG]
    if frame[0] != 1:
        raise Reject("version")
    kind = frame[1]
    if kind not in (AGREEMENT, RATCHET) and (kind != CONTROL or stream == "e"):
        raise Reject("kind")
    calm = stream == "e" and group.search.stage == CALM
    if not group.outgoing.own(frame) and not me.suite.equal(payload[-TAG:], mark(me, group, frame)):
        raise Reject("forged")
    outgoing.need_private(group)
    if kind == CONTROL:
        need("smmp.heads").receive(me, members, group, frame, now, out)
    elif not frame.startswith(group.id, 2) or frame_epoch(frame) >= MAX_EPOCH:
        raise Reject("epoch")
    elif group.phase in (NONE, REJOIN):
        if kind != AGREEMENT:
            raise Reject("outside")
        _need_all(group).from_outside(me, members, group, frame, stream == "g", now, out)
    elif kind == AGREEMENT and group.entry and _need_all(group).invites(me, members, group, frame):
        load("smmp.membership").from_outside(me, members, group, frame, stream == "g", now, out)
    elif calm:
        raise Reject("outside")
    elif stream == "e":
        if kind == AGREEMENT:
            need_agreements()
        need_search(group).slot(me, members, group, frame, now, out)
    elif group.phase == SYNC:
        need("smmp.heads").hold(group, frame)
    elif group.phase == LIVE:
        live(me, members, group, frame, now, out)
    else:
        raise Reject("outside")


def live(me, members, group, frame, now, out):
    """A frame in the order of the live topic. Raises Reject."""
    st, epoch = group.state, frame_epoch(frame)
    if epoch < st.epoch:
        if epoch in group.recent and group.recent[epoch][0] == frame:
            raise Reject("duplicate")
        before = group.undo.state if group.undo and group.undo.outside is None else None
        if before is None or epoch < before.epoch or frame_prev(frame) != before.head:
            need("smmp.heads").tell(members, group, now)  # no race's loser: its maker does not know where we are
        raise Reject("late")
    if epoch > st.epoch or not frame.startswith(st.head, 22):
        sync = need_search(group)
        sync.step(me, members, group, sync.ODD, frame, now, out)  # something was missed, here or there
        raise Reject("epoch")
    fitting(me, members, group, frame, now, out)
    if group.phase == LIVE:
        outgoing.flush(me, members, group, now, out)


def fitting(me, members, group, frame, now, out):
    """A frame for our state, while we are live. Raises Reject."""
    try:
        accept(me, members, group, frame, now, out)
    except Reject as e:
        if e.reason != "bad_hmac" and group.untaken != group.state.head:  # made by a member, and not for us:
            sync = need_search(group)  # the others may have taken it. Once a place: else its maker would stop the group
            group.untaken = group.state.head
            sync.step(me, members, group, sync.UNTAKEN, None, now, out)
        raise


def accept(me, members, group, frame, now, out):
    """The next frame, whatever its kind. Raises Reject; nothing has changed then."""
    if frame[1] == AGREEMENT:
        if not ratchet.authentic(me.suite, frame, group.state.v):
            raise Reject("bad_hmac")
        return need_agreements().in_order(me, members, group, frame, now, out)
    suite, st, mine = me.suite, group.state, group.outgoing.own(frame)
    if mine and mine.after:
        j, m, after = st.index, mine.entry[0], mine.after
    else:
        j, m, after = ratchet.open_frame(suite, st, statics(me, members, group), frame, mine.secret if mine else None)
    sender, number, at = own_tag(members, st.tags[j]), m[1:NUMBERED], outgoing.text_at(m)
    kind, text = (m[0], m[at:]) if at else (None, b"")
    asks = kind in (ASKING, PRIVATE_ASKING)
    private_one, pair = kind in (PRIVATE, PRIVATE_ASKING), group.pairs.get(sender)
    for_us = private_one and pair and suite.equal(text[:HINT], hint(suite, pair, st.epoch, sender))
    if kind == LEAVE:
        need("smmp.membership")  # before anything changes
    if private_one and mine or for_us:
        need("smmp.private")
    if asks:
        need("zpinc.receipts")
    if group.entry:
        need("smmp.heads").spoken(me, members, group, sender)
    advance(group, after, frame, sender, group.outgoing.pending, out)
    if kind is None:
        out.complain("format", members.uid_of(sender), now)  # all see the same, and move on alike
    if private_one:
        group.pairs = dict(group.pairs)  # what they were is kept for one epoch
    if private_one and mine:
        group.pairs[mine.entry[2]] = load("smmp.private").moved(suite, group.pairs[mine.entry[2]], mine.t)
    elif private_one:
        text = load("smmp.private").take(me, members, group, sender, st, frame, text, out) if for_us else None
    fresh = kind is not None and number > group.heard.get(sender, b"")  # else sealed again after we had gone back
    if fresh:
        group.heard[sender] = number
    if mine:
        if asks:
            load("zpinc.receipts").placed(suite, m[:at], statics(me, members, group), after, me.tag, out)
        outgoing.accepted(me, group, now, out)
        write_slot(me, group, out, True)
        out.event("accepted", {"epoch": st.epoch, "number": int.from_bytes(number[4:], "big")})
        return
    if kind == LEAVE:
        out.event("leaving", {"uid": members.uid_of(sender)})
        load("smmp.membership").leaving(me, members, group, sender, now)
    elif fresh and text is not None and kind != REFRESH:
        live = _deliver(me, members, sender, m[NUMBERED:at], text, st.epoch, private_one, now, out)
        if asks and live:
            item = load("zpinc.receipts").pair_item
            out.owe(False, item(suite, static(me, members, group, sender), after, me.tag, sender))
    if group.outgoing.pending:
        outgoing.lost_race(group, now, j, out)


def _deliver(me, members, sender, when, body, epoch, for_us_alone, now, out):
    """The frame's header proves the sender to us, and to nobody else. when: its time, and what it had heard. -> is it
    live?"""
    r = Reader(when)
    time, (age, live) = r.uint(4), heard.age(members.heard.since(heard.read(r)), now, me.config)
    message = Message(members.uid_of(sender), body, "ratchet", "member", time, epoch, not live, None, age)
    message.private = for_us_alone
    out.deliver(message)
    return live


def advance(group, after, frame, sender, own, out):
    """The state after a frame that is accepted. own: our Pending, this frame or one that lost to it."""
    group.undo = Undo(group, own)
    group.state = after
    group.last = frame
    group.last_by = sender
    if group.phase == SYNC:
        group.search.trail[after.epoch] = after.head[:8]
    group.recent[after.epoch - 1] = (frame, sender)
    room = RECENT
    for epoch in sorted(group.recent, reverse=True):
        room -= len(group.recent[epoch][0])
        if epoch >= after.epoch or room < 0 and epoch < after.epoch - 1:
            del group.recent[epoch]
    out.dirty = True


# --- slots


def write_slot(me, group, out, ours=False):
    """Put the last accepted frame into its slot: the same bytes, whoever does it. ours: and see that it gets there."""
    if group.last:
        topic, frame = me.topics.make(group.name, "e", (group.state.epoch - 1) % SLOTS), wrapped(me, group, group.last)
        waits = ours and len(out.outbox.entries) < out.outbox.limit
        out.publish(topic, frame, True, out.wait((topic, frame, True, None), 0) if waits else 0)
