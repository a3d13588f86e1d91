"""In which mode a message goes, whom it reaches, and when that is too weak. PROTOCOL.md section 11.1."""

from ..effects import MODES, Sent
from ..errors import NoConversation, NotReady, TooWeak
from .members import AWAKE


def choose(me, awake, epoch, place, tags, mode, to, least):
    """-> Sent, before anything is sealed.

    awake: [Member], who is or may be. epoch: the one that we can send in now, or None. place, tags: where we are in the
    group and who is in it. mode: as asked for, None: the strongest that reaches every awake member. least: the weakest
    that will do, the settings' `min_secrecy` apart. Raises NotReady, NoConversation, TooWeak."""
    least = max(_rank("note" if least is None else least), _rank(me.config.get("min_secrecy") or "note"))
    mode = "ratchet" if mode is None and to is not None else mode
    if to is not None and mode != "ratchet":
        raise TooWeak("a message for one member needs mode ratchet: what goes in another mode, all read")
    for name in ("ratchet", "conversation", "note") if mode is None else (mode,):
        way = _reach(awake, name, epoch, place, tags, to)
        if not way.missing and (place if name == "ratchet" else epoch and way.audience):
            break
    if mode == "conversation" and (epoch is None or not way.audience):
        raise NoConversation("no conversation with anybody awake yet: wait for the event rekeyed, or send a note")
    if _rank(way.mode) < least:
        who = ", ".join(_reach(awake, MODES[least], epoch, place, tags, to).missing) or "nobody awake is in it"
        raise TooWeak("min_secrecy asks for %s, which does not reach all (%s): wait, or lower it" % (MODES[least], who))
    return way


def _rank(mode):
    if mode not in MODES:
        raise NotReady("no such mode: use note, conversation or ratchet")
    return MODES.index(mode)


def _reach(awake, mode, epoch, place, tags, to):
    """Who is awake, or may be, and who of them has said in this connection that it can read what goes in this mode."""
    audience, missing = [], []
    for m in awake:
        if to in (None, m.uid) and (m.status == AWAKE or mode != "note"):
            if mode == "conversation":
                reads = epoch is not None and m.epoch == epoch.id
            elif mode == "ratchet":
                reads = m.tag in tags and m.place is not None
                # Of one place there is one head: another one is a branch that we do not read.
                reads = reads and (place is None or m.place[0] != place[0] or m.place[1] == place[1])
            else:
                reads = True
            (audience if reads else missing).append(m.uid)
    return Sent(mode, sorted(audience), sorted(missing), None, None)
