"""The time of day, for the broker's certificate alone: asked of the network where the board's clock was never set.

One question by SNTP (RFC 4330). Nobody signs the answer: docs/THREATS.md says what that means.
"""

import os
import socket
import time

from sealcast.compat import const
from sealcast.run.aio import PLAUSIBLE, Clock, sleep_ms

from .watchdog import Fed

SERVERS = (("pool.ntp.org", 123), ("time.google.com", 123))
_FROM_1900 = const(2208988800)  # seconds from 1900, where NTP begins, to 1970
_DAY = const(86400)
_WAIT_MS = const(3000)
_POLL_MS = const(50)
_HOUR_MS = const(3600000)


async def ask(client):
    """Set the clock by the first server that answers -> is it set? Where none does, the certificate's dates decide."""
    client.asked = time.ticks_ms()
    for host, port in SERVERS:
        try:
            with Fed():
                address = socket.getaddrinfo(host, port, 0, socket.SOCK_DGRAM)[0][-1]
            seconds = await _question(address)
        except OSError:
            continue
        if seconds:
            _set(seconds)
            return True
    return False


async def again(client, text):
    """Ask once more where the TLS module finds a certificate's dates wrong: a board's clock drifts by days in a year,
    and one false answer would keep it out until its power is cut. Once an hour at most -> is it set anew?"""
    since = None if client.asked is None else time.ticks_diff(time.ticks_ms(), client.asked)
    if not _of_dates(text) or since is not None and 0 <= since < _HOUR_MS:  # ticks wrap in 12 days
        return False
    return await ask(client)


async def _question(address):
    """-> Unix seconds, or None for an answer that is none to our question. Raises OSError."""
    cookie = os.urandom(8) if hasattr(os, "urandom") else time.ticks_us().to_bytes(8, "big")
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        line.setblocking(False)
        line.connect(address)
        line.send(b"\x23" + bytes(39) + cookie)  # version 4, client; our name for the question stands for the time
        for _ in range(_WAIT_MS // _POLL_MS):
            await sleep_ms(_POLL_MS)
            try:
                answer = line.recv(48)
            except OSError:
                continue
            if answer:
                return seconds_of(answer, cookie)
    finally:
        line.close()
    return None


def seconds_of(answer, cookie):
    """An answer of a server whose clock is set (mode 4, stratum 1 to 15) to this question -> Unix seconds; or None.

    None also for a time that cannot be."""
    if len(answer) < 48 or answer[0] & 7 != 4 or answer[0] >> 6 == 3 or not 0 < answer[1] < 16:
        return None
    if bytes(answer[24:32]) != cookie:
        return None
    seconds = int.from_bytes(answer[40:44], "big")
    if seconds < 0x80000000:  # from 2036 on they begin anew
        seconds += 0x100000000
    seconds -= _FROM_1900
    return seconds if seconds >= PLAUSIBLE else None


def _set(seconds):
    """The board's clock, if it has one."""
    try:
        from machine import RTC
    except ImportError:
        return
    days, rest = seconds // _DAY, seconds % _DAY
    RTC().datetime(_date(days) + ((days + 3) % 7, rest // 3600, rest // 60 % 60, rest % 60, 0))


def _date(days):
    """Days from 1970 on -> (year, month, day). A Pico's time.gmtime takes no seconds behind January 2038.

    Source: civil_from_days of H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"."""
    days += 719468  # from 1 March of the year 0 on, where a year ends with its leap day
    age, days = days // 146097, days % 146097  # of 400 years
    year = (days - days // 1460 + days // 36524 - days // 146096) // 365
    days -= 365 * year + year // 4 - year // 100
    month = (5 * days + 2) // 153
    day = days - (153 * month + 2) // 5 + 1
    return 400 * age + year + (month > 9), month + (3 if month < 10 else -9), day


def _of_dates(text):
    return "validity" in text or "expired" in text or "future" in text


def judged(text):
    """What the TLS module says of a certificate -> what is wrong, and what to do. The clock first: all else hangs on
    it."""
    if _of_dates(text):
        if not Clock().time():
            return "cannot be judged: this board's clock was never set, and no time server answers (UDP port 123)"
        return "is not valid at this board's time, %d-%02d-%02d: renew it, or set the clock" % time.gmtime()[:3]
    if "not correctly signed" in text:
        return "is signed by nobody whom broker.ca knows: give the certificate of its authority"
    if "Name" in text:
        return "is for another name than broker.host; a TLS before mbed TLS 3.5 knows no addresses in certificates"
    return "is refused (%s)" % text.strip().split("\n")[0]
