"""What receipts may say, whatever breaks: who confirmed a message had it delivered, live, before. PROTOCOL.md 24."""

from sealcast.channel import ONLINE
from sim.recorder import Broken

ONE_IN = 4  # messages, that asks for them


class Asked:
    """The messages of ours that ask, and who has confirmed them."""

    def __init__(self):
        self.open = []  # (Wanted, body, uids that have confirmed it)
        self.confirmed = 0

    def asks(self, channel, number):
        """Is this message, by its number, to ask for a receipt?"""
        return number % ONE_IN == 0 and channel.phase == ONLINE

    def sent(self, channel, body):
        if channel.wanted is not None:
            self.open.append((channel.wanted, body, []))

    def check(self, got):
        """got: {(uid, lineage): bodies delivered}."""
        for entry in list(self.open):
            wanted, body, known = entry
            for uid in wanted.confirmed[len(known) :]:
                if not any(body in bodies for (receiver, _), bodies in got.items() if receiver == uid):
                    raise Broken("a receipt of %s confirms what was not delivered to it" % uid)
                known.append(uid)
                self.confirmed += 1
            if not wanted.waiting:
                self.open.remove(entry)
