"""One turn of a session's engine: inputs that wait enter the channel, and what they decide is kept until one state is
durable for all of them. PROTOCOL.md section 11.

An input is (procedure of the channel and the time, Reply or None, SEND or 0, bytes of a received frame).
"""

from ..effects import EVENT, PUBLISH, QUEUED
from ..errors import NoRoom, SealcastError
from .sends import SEND


def take(session, inbox, most):
    """Inputs from the front of the inbox, `most` at most. One that the channel refuses is answered at once.
    -> ([(input, Reply that waits for its effects or None, effects)], NoRoom of the input that stays the first or None,
    the internal error that ended it or None)."""
    taken, error = [], None
    session.channel.held = True
    while inbox and len(taken) < most:
        item = inbox.pop(0)
        session.beat()
        try:
            effects, reply = item[0](session.channel, session.clock.now()), item[1]
        except NoRoom as e:
            inbox.insert(0, item)
            return taken, e, None
        except Exception as e:
            reply = None
            effects = () if item[1] else [(EVENT, "error", {"code": getattr(e, "code", ""), "text": str(e)})]
            if item[1]:
                item[1].fail(e)
            error = None if isinstance(e, SealcastError) else e
        session.handled(item[3])
        if error:
            break
        taken.append((item, reply, effects))
    return taken, None, error


def token_of(item, effects):
    """That of a send(): 0 when it waits for nothing."""
    token = 0
    if item[2] == SEND:
        for effect in effects:  # the one with a token is ours
            if effect[0] in (PUBLISH, QUEUED) and effect[-1]:
                token = effect[-1]
    return token
