"""A session that ends at any step of its first connection: CPython complains on standard error of a coroutine that was
made and never began."""

import asyncio
import gc
import warnings

import pytest

from scripted import Script, Wire, made, publish, run


class Many(Wire):
    """Takes publishes ahead of their acknowledgements, as a computer's does."""

    flying = None

    async def connect(self, topic, payload):
        await asyncio.sleep(0)

    async def ahead(self, publishing):
        self.flying = [*(self.flying or []), asyncio.ensure_future(publishing)]

    async def abort(self):
        for task in self.flying or []:
            task.cancel()


@pytest.mark.parametrize("way", ["close", "leave"])
def test_a_session_that_ends_at_any_step_leaves_no_coroutine_behind(way):
    async def test():
        for steps in range(60):
            script = Script(connected=lambda: [publish(1), publish(2)], leave=lambda: [("disconnect",)])
            session = await made(script, Many())
            starting = asyncio.ensure_future(session.start())
            for _ in range(steps):
                await asyncio.sleep(0)
            await getattr(session, way)()
            await asyncio.gather(starting, return_exceptions=True)

    gc.collect()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        run(test())
        gc.collect()
    of_ours = [str(warning.message) for warning in said if "never awaited" in str(warning.message)]
    assert of_ours == []  # what tests before have left open is not meant
