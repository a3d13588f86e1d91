"""A message of ours, from the call to the half that seals it. PROTOCOL.md section 11.1."""

from .errors import NotReady, Offline, TooLong
from .wire import MAX_BODY
from .zpinc import audience, messages
from .zpinc.members import AWAKE, UNHEARD


def send(me, others, ring, epochs, ratchet, group, body, mode, time, to, min_secrecy, online, now, out):
    """Seal and publish -> Sent. ratchet: smmp.order or smmp.absent. mode: "note", "conversation", "ratchet", or None:
    the strongest that reaches every awake member. time: Unix seconds or 0.

    to: uid of the only receiver (mode "ratchet"). A ratchet message is sent when its turn comes, also later.
    min_secrecy: refuse anything weaker than this mode, as the setting of that name does.
    Raises TooLong, NotReady, Offline, NoConversation, NoGroup, TooWeak, OutboxFull; the state is as before then.
    """
    if len(body) > MAX_BODY:
        raise TooLong("a message has at most %d bytes, this one has %d: split it" % (MAX_BODY, len(body)))
    if not me.joined:
        raise NotReady("not joined yet: wait for the event online")
    if not online and mode == "conversation":
        raise Offline("no connection: a conversation message needs one; a note would wait")
    awake = [m for m in others.by_tag.values() if online and m.current and m.status in (AWAKE, UNHEARD)]
    epoch = epochs.current if online else None
    place, tags = ratchet.place(group), ratchet.tags(group)
    sent = audience.choose(me, awake, epoch, place, tags, mode, to, min_secrecy)
    if sent.mode == "ratchet":
        ratchet.send(me, others, group, bytes(body), time, None if to is None else others.tag_of(to), now, out)
    elif sent.mode == "note":
        messages.send_note(me, others, ring, bytes(body), time, online, out)
    else:
        messages.send_conversation(me, others, epochs, bytes(body), time, out)
    return sent
