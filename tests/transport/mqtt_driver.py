"""Runs on MicroPython: the node's MQTT client under remote control. Commands in, results out, one JSON object a line.

{"do": "connect", ...Client's arguments, "will": [topic, text]}   {"do": "publish", "topic", "text" or "size", "retain",
"qos"} {"do": "subscribe", "filter", "qos"}    {"do": "close"}    {"do": "abort"} Everything received is reported as
{"topic", "text"} or, when large, {"topic", "size", "sum"}; a lost link as {"lost"}.
"""

import asyncio
import gc
import json
import sys

from node.mqtt import Client


def say(**event):
    print(json.dumps(event))


async def listen(client):
    try:
        while True:
            topic, payload = await client.receive()
            if len(payload) > 100:
                say(topic=topic, size=len(payload), sum=sum(payload))
            else:
                say(topic=topic, text=str(payload, "utf-8"))
    except OSError as e:
        say(lost=str(e), kind=type(e).__name__)


async def obey(client, c):
    do = c["do"]
    if do == "connect":
        tls = None
        if "ca" in c:
            from node.setup import context

            tls = context(c["ca"])
        who = (c.get("id", "driver"), c.get("username"), c.get("password"))
        client = Client(c.get("host", "127.0.0.1"), c["port"], *who, c.get("keepalive", 30), tls)
        client.connect_ms = c.get("patience_ms", 20000)
        will = c.get("will", [None, ""])
        await client.connect(will[0], will[1].encode())
        asyncio.create_task(listen(client))
    elif do == "publish":
        payload = bytes(c["size"]) if "size" in c else c["text"].encode()
        await client.publish(c["topic"], payload, c.get("retain", False), c.get("qos", 1))
    elif do == "subscribe":
        await client.subscribe(c["filter"].split(), c.get("qos", 1))
    elif do == "close":
        await client.close()
    elif do == "abort":
        await client.abort()
    elif do == "stats":
        gc.collect()
        say(stats={"skipped": client.skipped, "free": gc.mem_free()})
    return client


async def main():
    reader = asyncio.StreamReader(sys.stdin)
    client = None
    while True:
        line = await reader.readline()
        if not line:
            return
        command = json.loads(line)
        try:
            client = await obey(client, command)
            say(done=command["do"])
        except Exception as e:
            say(failed=command["do"], error=str(e), kind=type(e).__name__)


asyncio.run(main())
