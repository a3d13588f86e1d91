"""--verbose of what takes part in a channel: where the broker is and what happens on the way, on standard error."""

from typing import Any

from sealcast_host.agent.client import Callback
from sealcast_host.cli import render, talk
from sealcast_host.member.address import place_of
from sealcast_host.member.channels import ChannelFile


def watched(known: ChannelFile, watch: Callback | None = None) -> Callback | None:
    """What a member's visit is to be watched by: `watch`, and with --verbose this."""
    if not talk.is_verbose():
        return watch
    talk.detail(f'"{render.clean(known.channel)}" by the broker at {render.clean(place_of(known.broker))}')

    def see(name: str, info: Any) -> None:
        if name != "message" and (text := render.event_text(name, info)):
            talk.detail(text)
        if watch is not None:
            watch(name, info)

    return see
