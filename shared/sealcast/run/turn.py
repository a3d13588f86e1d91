"""One turn of a session's engine: inputs that wait enter the channel, and what they decide is kept until one state is
durable for all of them. PROTOCOL.md section 11.

An input is (procedure of the channel and the time, Reply or None, what it is).
"""

from ..effects import EVENT, PUBLISH, QUEUED
from ..errors import NoRoom, SealcastError
from .sends import SEND


class Turn:
    """taken: (input, Reply that waits for its effects or None, effects) each; room: NoRoom of the input that stays the
    first; error: the internal error that ended it."""

    def __init__(self):
        self.taken = []
        self.room = self.error = None

    def take(self, session, inbox, most):
        """Inputs from the front of the inbox, `most` at most. One that the channel refuses is answered at once."""
        session.channel.held = True
        while inbox and len(self.taken) < most:
            item = inbox.pop(0)
            session.beat()
            try:
                effects, reply = item[0](session.channel, session.clock.now()), item[1]
            except NoRoom as e:
                inbox.insert(0, item)
                self.room = e
                return
            except Exception as e:
                reply = None
                effects = () if item[1] else [(EVENT, "error", {"code": getattr(e, "code", ""), "text": str(e)})]
                if item[1]:
                    item[1].fail(e)
                if not isinstance(e, SealcastError):
                    self.error = e
            session.handled(item[2])
            if self.error:
                return
            self.taken.append((item, reply, effects))


def token_of(item, effects):
    """That of a send(): 0 when it waits for nothing."""
    token = 0
    if item[2] == SEND:
        for effect in effects:  # the one with a token is ours
            if effect[0] in (PUBLISH, QUEUED) and effect[-1]:
                token = effect[-1]
    return token
