"""What the group still reaches for through `ch`, until its procedures take records themselves."""


class Bridge:
    def __init__(self, channel):
        self._channel = channel

    def __getattr__(self, name):
        ch = self._channel
        for part in (ch.me, ch.others, ch.out, ch):
            if hasattr(part, name):
                return getattr(part, name)
        raise AttributeError(name)

    @property
    def dirty(self):
        return self._channel.out.dirty

    @dirty.setter
    def dirty(self, yes):
        self._channel.out.dirty = yes

    @property
    def members_by_tag(self):
        return self._channel.others.by_tag

    @property
    def talk(self):
        return self

    def deliver_ratchet(self, tag, body, epoch, private):
        from ..effects import Message

        message = Message(self.uid_of(tag), body, "ratchet", "member", 0, epoch, False, None)
        message.private = private
        self._channel.out.deliver(message)
        self._channel.out.dirty = True

    def emit(self, effect):
        self._channel.out.effects.append(effect)

    def put(self, name, stream, frame, retain=False, slot=None):
        self._channel.out.publish(self._channel.me.topics.make(name, stream, slot), frame, retain)

    def publish(self, stream, frame, retain=False, slot=None, token=0):
        self._channel.out.publish(self._channel.me.topic(stream, slot), frame, retain, token)

    def subscribe(self, topic):
        self._channel.out.subscribe(topic)
