"""What an application gets. PROTOCOL.md section 11."""


class Message:
    """A delivered message. secrecy: note | conversation | ratchet; origin: member (proved by it) | group (by any who know the key)."""

    def __init__(self, sender, body, secrecy, origin, time, seq, historic, epoch):
        self.sender = sender
        self.body = body
        self.secrecy = secrecy
        self.origin = origin
        self.time = time  # the sender's clock, Unix seconds; 0 when it had none
        self.seq = seq
        self.historic = historic
        self.epoch = epoch  # hex, or None for a note
        self.private = False  # for us alone (ratchet only)
        self.again = False  # may have been delivered before a power cut
