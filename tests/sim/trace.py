"""One readable line a step, for replaying a failing seed."""

from sealcast.compat import hexlify

KINDS = {1: "propose", 2: "share", 3: "sum", 4: "confirm", 5: "stale"}


def line(world, what, uid, *args):
    begin = "%8.3f  %-4s " % (world.now / 1000, uid)
    if what == "lost":
        return begin + "never gets " + frame(world, *args)
    if len(args) == 3:
        topic, payload, effects = args
        text = what + (" " + frame(world, topic, payload) if topic else "")
        return begin + text + "".join("\n" + " " * 18 + effect(world, e) for e in effects)
    return begin + " ".join((what,) + args)


def names(world):
    if len(world._names) < len(world.clients):
        for c in world.clients.values():
            if c.channel:
                world._names[c.channel.me.topics.make(c.channel.me.name, "")[:-1]] = c
    return world._names


def frame(world, topic, payload):
    name, _, stream = topic.partition("/" + "/".join(topic.split("/")[4:]))
    stream = "/".join(topic.split("/")[4:])
    c = names(world).get(name)
    text = "%s:%s %s #%d" % (c.uid if c else "?", stream, hexlify(payload[2:6]), int.from_bytes(payload[18:22], "big"))
    if stream == "h" and c and c.channel:
        try:
            pt = c.channel.me.keys.open(payload, 4, c.channel.me.tag)[3]
            text += " " + KINDS.get(pt[0] & 0x7F, "?") + (" retry" if pt[0] & 0x80 else "")
            if pt[0] & 0x7F == 1:
                n = pt[49]
                text += " " + ",".join(c.channel.others.uid_of(pt[50 + 32 * i : 66 + 32 * i]) or "?" for i in range(n))
        except Exception:
            text += " junk"
    return text


def effect(world, e):
    if e[0] == "publish":
        return "-> " + frame(world, e[1], e[2]) + (" token %d" % e[5] if e[5] else "")
    if e[0] == "message":
        m = e[1]
        return "MESSAGE %s %s%s%s" % (
            m.body[:20].decode(),
            m.secrecy,
            " historic" if m.historic else "",
            " again" if m.again else "",
        )
    if e[0] == "store":
        return "store %d" % len(b"".join(e[1]))
    if e[0] == "append":
        return "append %d" % len(e[1])
    if e[0] == "subscribe":
        return "subscribe " + "/".join(e[1].split("/")[3:])[-24:]
    if e[0] == "connect":
        return "connect"
    return " ".join(str(x) for x in e)
