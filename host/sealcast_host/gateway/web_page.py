"""The page: drawn anew, part by part, when the Board has grown. Everything that members wrote is shown as text.

Texts go to the browser as data over the live connection, never as markup: labels, no html; tooltips of the plots are
drawn on their canvas.
"""

import time
from functools import partial
from typing import Any

from fastapi import FastAPI
from nicegui import ui

from sealcast.errors import SealcastError
from sealcast.wire import MAX_BODY
from sealcast_host.errors import UserError
from sealcast_host.gateway.output import Hub
from sealcast_host.gateway.record import Message, clean
from sealcast_host.gateway.web_board import Board, thinned
from sealcast_host.gateway.web_style import CSS, LINES
from sealcast_host.member.drops import DROPS

DRAW_S = 0.5
SHOWN = 60  # messages
SHOWN_BYTES = 32  # of a message that is no text
_TOO_LONG = f"too long: a message has at most {MAX_BODY} bytes, and of a longer paste the end is cut off; split it"
_MODES = {"auto": "strongest now", "note": "note", "conversation": "conversation", "ratchet": "ratchet"}
_WORDS = {"awake": "awake", "asleep": "asleep", "left": "has left", "gone": "is gone", "unheard": "not heard yet"}
_DOTS = {"awake": "sc-awake", "asleep": "sc-asleep", "gone": "sc-bad"}


def application(board: Board, hub: Hub, title: str) -> Any:
    """The page as an ASGI application."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    ui.run_with(
        app, root=lambda: Page(board, hub).build(), title=clean(title), dark=None, tailwind=False,
        gzip_middleware_factory=None, show_welcome_message=False, reconnect_timeout=10,
    )  # fmt: skip
    return app


class Page:
    """One browser's view."""

    def __init__(self, board: Board, hub: Hub) -> None:
        self._board = board
        self._hub = hub
        self._drawn: Any = None
        self._charts: dict[str, Any] = {}
        self._plotted: dict[str, int] = {}  # quantity -> how often it had grown when this browser was sent it

    def build(self) -> None:
        """The frame; what members said comes with the first drawing, when the browser is connected."""
        ui.add_css(CSS)
        ui.colors(primary="#0f766e")
        dark = ui.dark_mode(None)
        with ui.element("header").classes("sc-top"):
            ui.icon("lock", size="26px")
            self._name = ui.label("").classes("sc-name")
            ui.element("div").classes("sc-grow")
            self._link = ui.label("").classes("sc-pill")
            self._me = ui.label("").classes("sc-pill")
            turn = ui.button(icon="contrast", on_click=lambda: dark.set_value(not dark.value))
            turn.props("flat round dense color=white aria-label=dark")
        with ui.element("main").classes("sc-page"):
            with ui.element("div").classes("sc-main"):
                self._alarms = ui.element("div").classes("sc-main")
                self._stats = ui.element("section").classes("sc-stats")
                self._send_box()
                self._plots = ui.element("section").classes("sc-plots")
                with self._card("Messages"):
                    self._messages = ui.element("div").classes("sc-list")
            with ui.element("aside").classes("sc-side"):
                with self._card("Members"):
                    self._members = ui.element("div")
                with self._card("Group order"):
                    self._group = ui.element("div")
                with self._card("What happened"):
                    self._events = ui.element("div").classes("sc-list")
                with self._card("Not accepted, and why"):
                    self._drops = ui.element("div")
        ui.timer(DRAW_S, self._draw)

    def _card(self, title: str) -> Any:
        card = ui.element("section").classes("sc-card")
        with card:
            ui.label(title).classes("sc-title")
        return card

    def _send_box(self) -> None:
        with self._card("Send"), ui.element("div").classes("sc-send"):
            # A paste is cut behind what is too long already: one of 64 KB would cost the page its connection.
            self._text = ui.input(placeholder="a message to the channel", validation={_TOO_LONG: _fits})
            self._text.on("keydown.enter", self._send).props(f"outlined dense clearable maxlength={MAX_BODY + 1}")
            self._mode = ui.select(_MODES, value="auto", label="secrecy").props("outlined dense options-dense")
            self._to = ui.select({"": "everybody"}, value="", label="to").props("outlined dense options-dense")
            ui.button("Send", icon="send", on_click=self._send).props("unelevated no-caps")

    async def _send(self) -> None:
        text = self._text.value or ""
        to = self._to.value or None
        mode = "ratchet" if to else None if self._mode.value == "auto" else self._mode.value
        try:
            try:
                body = text.encode()
            except UnicodeEncodeError:
                raise UserError("not sent: it holds half of a character, which is no UTF-8 text") from None
            if not 0 < len(body) <= MAX_BODY:
                raise UserError(f"a message has 1 to {MAX_BODY} bytes")
            self._text.value = ""
            await self._hub.send(body, mode, to)
            ui.notify("sent", type="positive", position="bottom-right")
        except (SealcastError, UserError) as e:
            self._text.value = text
            ui.notify(clean(str(e)), type="negative", position="bottom-right")

    def _draw(self) -> None:
        hub = self._hub
        now = (self._board.version, tuple(hub.members), hub.online, hub.epoch, str(hub.group), str(hub.drops()))
        if now == self._drawn:
            return
        self._drawn = now
        self._name.text = clean(self._hub.channel)
        self._me.text = f"this is {clean(self._hub.uid)}"
        self._link.text = "connected" if self._hub.online else "broker not reachable"
        for part, draw in (
            (self._alarms, self._draw_alarms), (self._stats, self._draw_stats), (self._messages, self._draw_messages),
            (self._members, self._draw_members), (self._group, self._draw_group), (self._events, self._draw_events),
            (self._drops, self._draw_drops),
        ):  # fmt: skip
            part.clear()
            with part:
                draw()
        self._draw_plots()
        others = {u: clean(u) for u, _ in self._hub.members if u != self._hub.uid} if self._hub.group else {}
        to = self._to.value  # stays, gone or not: what was written to one is for nobody else
        self._to.set_options({"": "everybody", to: clean(to) or "everybody"} | others, value=to)

    def _draw_alarms(self) -> None:
        for uid, fingerprint in self._board.changed.items():
            with ui.element("section").classes("sc-card sc-alarm"):
                ui.label(f"{clean(uid)} shows another identity than before").classes("sc-big sc-warn")
                ui.label(
                    "Its messages are refused. Was the board replaced or erased? Compare the fingerprint with its "
                    "label, then approve. Otherwise somebody pretends to be it."
                ).classes("sc-soft")
                ui.label(clean(fingerprint)).classes("sc-mono")
                ui.button("It is the same: approve", on_click=partial(self._approve, uid, fingerprint)).props(
                    "unelevated no-caps color=orange-9")

    async def _approve(self, uid: str, fingerprint: str) -> None:
        try:
            await self._hub.approve(uid, fingerprint)
            ui.notify("approved", type="positive")
        except (SealcastError, UserError) as e:
            ui.notify(clean(str(e)), type="negative")

    def _draw_stats(self) -> None:
        members, epoch, group = self._hub.members, self._hub.epoch, self._hub.group
        awake = sum(status == "awake" for _, status in members)
        agreed = f"agreed {_clock(self._board.epoch_at)}" if self._board.epoch_at else ""
        stands = f"epoch {group.get('epoch')}, {clean(str(group.get('phase')))}" if group else "in no group"
        for title, big, small in (
            ("Awake", f"{awake} of {len(members)}", "members"),
            ("Conversation key", epoch[:8] if epoch else "none", agreed if epoch else "messages are notes now"),
            ("Group", str(len(group.get("members") or ())) if group else "none", stands),
            ("Messages", str(self._board.count), f"{sum(self._hub.drops().values())} frames not accepted"),
        ):
            with ui.element("div").classes("sc-card"):
                ui.label(title).classes("sc-title")
                ui.label(big).classes("sc-big")
                ui.label(small).classes("sc-soft")

    def _draw_messages(self) -> None:
        if not self._board.messages:
            ui.label("Nothing yet. What members send appears here.").classes("sc-empty")
        for message in list(self._board.messages)[: -SHOWN - 1 : -1]:
            with ui.element("div").classes("sc-msg"):
                ui.label(clean(message.sender)).classes("sc-who")
                with ui.element("div").classes("sc-tags"):
                    for text, style in _tags(message):
                        ui.label(text).classes(f"sc-badge {style}")
                ui.label(_clock(message.when)).classes("sc-when")
                said = message.text
                ui.label(clean(said) if said is not None else message.body[:SHOWN_BYTES].hex()).classes("sc-text")

    def _draw_members(self) -> None:
        for uid, status in sorted(self._hub.members, key=lambda m: (m[1] != "awake", m[1] != "asleep", m[0])):
            with ui.element("div").classes("sc-row"):
                ui.element("span").classes(f"sc-dot {_DOTS.get(status, '')}")
                ui.label(clean(uid) + (" (this one)" if uid == self._hub.uid else "")).classes("sc-who")
                ui.element("div").classes("sc-grow")
                last = self._board.last.get(uid)
                ui.label(_WORDS.get(status, clean(status)) + (f", {_clock(last)}" if last else "")).classes("sc-when")

    def _draw_group(self) -> None:
        group = self._hub.group
        if not group:
            ui.label("In no ratcheting group: sealcast group create makes one.").classes("sc-soft")
            return
        ui.label(", ".join(clean(str(m)) for m in group.get("members") or ())).classes("sc-who")
        for name in ("epoch", "head", "digest"):
            value = group.get(name)
            shown = bytes(value).hex() if isinstance(value, bytes | bytearray) else str(value)
            with ui.element("div").classes("sc-row"):
                ui.label(name).classes("sc-soft")
                ui.label(clean(shown)[:16]).classes("sc-mono")
        ui.label("Members that show the same head saw the same messages in the same order.").classes("sc-soft")

    def _draw_events(self) -> None:
        if not self._board.events:
            ui.label("Nothing yet.").classes("sc-soft")
        for at, text in list(self._board.events)[::-1]:
            with ui.element("div").classes("sc-row"):
                ui.label(_clock(at)).classes("sc-when")
                ui.label(text).classes("sc-soft")

    def _draw_drops(self) -> None:
        drops = self._hub.drops()
        if not drops:
            ui.label("Every frame was accepted.").classes("sc-soft")
        for reason, count in sorted(drops.items(), key=lambda item: -item[1]):
            with ui.element("div").classes("sc-row"):
                ui.label(str(count)).classes("sc-who")
                ui.label(DROPS.get(reason, clean(reason).replace("_", " "))).classes("sc-soft")

    def _draw_plots(self) -> None:
        """A plot stays and gets new lines, so that a finger on it is not lost; only where there is something new."""
        for quantity, lines in self._board.series.items():
            grown = self._board.grown.get(quantity, 0)
            if self._plotted.get(quantity) == grown:
                continue
            self._plotted[quantity] = grown
            series = [_line(member, points) for member, points in lines.items()]
            if quantity not in self._charts:
                with self._plots, ui.element("div").classes("sc-card"):
                    ui.label(clean(quantity).replace("_", " ").replace(".", ", ")).classes("sc-title")
                    self._charts[quantity] = ui.echart(_frame()).classes("sc-plot")
            chart = self._charts[quantity]
            chart.options["series"] = series
            chart.update()


def _tags(message: Message) -> list[tuple[str, str]]:
    secrecy = message.secrecy if message.secrecy in ("note", "conversation", "ratchet") else "note"
    tags = [(secrecy, f"sc-{secrecy}")]
    proved = message.origin == "member"
    tags.append(("from its sender", "sc-conversation") if proved else ("from somebody in the group", "sc-warn"))
    tags += [(word, "sc-note") for word, on in (("history", message.historic), ("again", message.again)) if on]
    if message.text is None:
        beginning = ", of which these are the first" if len(message.body) > SHOWN_BYTES else ""
        tags.append((f"no text: {len(message.body)} bytes{beginning}", "sc-note"))
    return [*tags, ("for us alone", "sc-ratchet")] if message.private else tags


def _fits(text: str | None) -> bool:
    return len((text or "").encode("utf-8", "surrogatepass")) <= int(MAX_BODY)


def _clock(at: float) -> str:
    """The time of day, with the date when it is another one."""
    then, now = time.localtime(at), time.localtime()
    return time.strftime("%H:%M:%S" if then[:3] == now[:3] else "%b %d %H:%M", then)


def _frame() -> dict[str, Any]:
    grey = "#8a9a95"
    axis = {"axisLabel": {"color": grey}, "splitLine": {"lineStyle": {"color": "#8882"}}}
    return {
        "animation": False, "color": list(LINES),
        "grid": {"left": 8, "right": 14, "top": 30, "bottom": 4, "containLabel": True},
        "legend": {
            "top": 0, "left": 0, "type": "scroll", "icon": "circle", "itemWidth": 9, "textStyle": {"color": grey},
        },
        "tooltip": {"trigger": "axis", "renderMode": "richText", "confine": True},
        "xAxis": {
            "type": "time", **axis, "splitLine": {"show": False}, "axisLabel": {"color": grey, "hideOverlap": True},
        },
        "yAxis": {"type": "value", "scale": True, **axis},
        "series": [],
    }  # fmt: skip


def _line(member: str, points: Any) -> dict[str, Any]:
    return {
        "name": clean(member), "type": "line", "showSymbol": len(points) < 40, "symbolSize": 5,
        "lineStyle": {"width": 2},
        "data": [[round(at * 1000), value] for at, value in thinned(points)],
    }  # fmt: skip
