"""The core's session over a link whose MQTT name is a fresh one each time: nobody else can have it by accident, so that
`taken_over` is told when the broker says so (MQTT 5), and not when it hangs up again and again for another reason."""

from typing import Any

from sealcast.run.session import Session


class FreshNameSession(Session):
    """Its transport has `failure`, a LinkError or None."""

    def emit(self, name: str, info: dict[str, Any]) -> None:
        """Tell the callbacks."""
        if name == "taken_over":
            return
        failure = self.transport.failure
        if name == "offline" and failure is not None and failure.kind == "taken":
            super().emit("taken_over", {"connections": 1})
        super().emit(name, info)
