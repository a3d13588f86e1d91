"""A message of ours, from the call to the half that seals it. PROTOCOL.md sections 11.1 and 24.4."""

from .errors import NotReady, Offline, TooLong
from .rare import load, need
from .wire import MAX_BODY
from .zpinc import audience, messages
from .zpinc.members import AWAKE, UNHEARD


def send(me, others, ring, epochs, ratchet, group, body, mode, time, to, min_secrecy, receipt, online, now, out):
    """Seal and publish -> (Sent, Wanted or None). ratchet: smmp.order or smmp.absent. mode: "note", "conversation",
    "ratchet", or None: the strongest that reaches every awake member. time: Unix seconds or 0.

    to: uid of the only receiver (mode "ratchet"). A ratchet message is sent when its turn comes, also later.
    min_secrecy: refuse anything weaker than this mode, as the setting of that name does. receipt: ask for receipts.
    Raises TooLong, NotReady, Offline, NoConversation, NoGroup, TooWeak, OutboxFull; the state is as before then."""
    if len(body) > MAX_BODY:
        raise TooLong("a message has at most %d bytes, this one has %d: split it" % (MAX_BODY, len(body)))
    if me.full:
        raise NotReady("the channel is full: nobody would hear this member; free a place with `sealcast lost`")
    if not me.joined:
        raise NotReady("not joined yet: wait for the event online")
    if not online and mode == "conversation":
        raise Offline("no connection: a conversation message needs one; a note would wait")
    if receipt:
        if not online:
            raise Offline("no connection: nobody can confirm anything; without a receipt a note would wait")
        need("zpinc.receipts")
    awake = [m for m in others.by_tag.values() if online and m.current and m.status in (AWAKE, UNHEARD)]
    epoch = epochs.current if online else None
    place, tags = ratchet.place(group), ratchet.tags(group)
    sent = audience.choose(me, awake, epoch, place, tags, mode, to, min_secrecy)
    frame = lead = None
    if sent.mode == "ratchet":
        tag = None if to is None else others.tag_of(to)
        lead = ratchet.send(me, others, group, bytes(body), time, tag, receipt, now, out)
    elif sent.mode == "note":
        frame = messages.send_note(me, others, ring, bytes(body), time, receipt, online, out)
    else:
        frame = epochs.talk.send(me, others, epochs, bytes(body), time, receipt, out)
    if not receipt:
        return sent, None
    waiting = {m.tag: m.uid for m in awake if m.uid in sent.audience}
    return sent, load("zpinc.receipts").want(me, waiting, frame, lead, out)
