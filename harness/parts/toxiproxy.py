"""Toxiproxy: a server of our own, and the only file that says what it is to do.

Each call is bounded, each answer is compared with what was asked, and what cannot be is refused before it is sent.

A proxy whose client stopped reading can make the server hang in any call that touches its toxics (2.12, seen): that is
`Wedged`. Then only a new server helps. It is started in the same moment, with the same proxies on the same ports, and
with what is still to be wrong with them; every connection is cut by that, and `renewed` says so.

Several may break one link at a time. Each takes off its own with `lift`: its toxics by their names, and "off" where
nobody else holds the proxy off.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import Any

from harness.deployment import Address
from harness.errors import MachineError
from harness.parts.toxic import NAME, Toxic
from harness.parts.toxiproxy_binary import Say, toxiproxy_binary
from harness.parts.toxiproxy_calls import Calls, ProxyError, Wedged
from harness.system.ports import Ports
from harness.system.process import Process, Spawner, clean_env
from harness.system.sockets import LISTEN, listens, tcp_rows

_READY_S = 10.0
_PORT_TRIES = 5


@dataclass(frozen=True, slots=True)
class Proxy:
    """A link that can be broken: clients connect to `listen`, it connects to `upstream`."""

    name: str
    listen: Address
    upstream: Address


@dataclass(frozen=True, slots=True)
class ProxyState:
    enabled: bool
    toxics: tuple[Toxic, ...]


_Ask = Callable[[str, str, Mapping[str, object]], Awaitable[tuple[int, Any]]]


@dataclass(slots=True)
class _Wanted:
    """What is to be wrong with a proxy now: a server that takes another one's place is told it again."""

    toxics: dict[str, Toxic] = field(default_factory=dict)
    off_by: set[str] = field(default_factory=set)

    @property
    def on(self) -> bool:
        return not self.off_by


class Toxiproxy:
    """A server that we started, with `start`. One call at a time, and one change: a lift is several calls."""

    def __init__(self, start: Callable[[int], Process], port: int, ports: Ports) -> None:
        self.process, self.address = start(port), Address("127.0.0.1", port)
        self.renewed: list[str] = []
        self._start, self._ports, self._calls = start, ports, Calls(port)
        self._proxies: dict[str, Proxy] = {}
        self._wanted: defaultdict[str, _Wanted] = defaultdict(_Wanted)
        self._renewing = False
        self._turn, self._change = asyncio.Lock(), asyncio.Lock()

    @property
    def alive(self) -> bool:
        return self._renewing or self.process.alive

    async def create(self, name: str, upstream: Address, host: str = "127.0.0.1") -> Proxy:
        """A new proxy on a port of our own choice, which it keeps; `host` is an address of this machine."""
        if not NAME.fullmatch(name):
            raise ProxyError(f"The proxy name {name!r} may have letters, digits, dot, dash and underscore only.")
        for _ in range(_PORT_TRIES):
            listen = Address(host, self._ports.take())
            proxy = Proxy(name, listen, upstream)
            status, told = await self._call("POST", "/proxies", _whole(proxy))
            if status == 500:  # the port was taken in between
                continue
            self._expect(status == 201, f"create {name}", status, told)
            self._proxies[name] = proxy
            state = await self.state(proxy)
            if not listens(listen.port, [self.process.pid]):
                raise ProxyError(f"What listens on port {listen.port} is not the proxy {name} that we made.")
            if state != ProxyState(True, ()):
                raise ProxyError(f"The new proxy {name} is not as it was asked for: {state}.")
            return proxy
        raise ProxyError(f"No port for the proxy {name} stayed free; something takes them as soon as they are chosen.")

    async def state(self, proxy: Proxy) -> ProxyState:
        """As the server has it now; name and addresses are compared too."""
        status, told = await self._call("GET", f"/proxies/{proxy.name}")
        self._expect(status == 200 and isinstance(told, dict), f"read {proxy.name}", status, told)
        wanted = {"name": proxy.name, "listen": _text(proxy.listen), "upstream": _text(proxy.upstream)}
        found = {key: told.get(key) for key in wanted}
        if found != wanted:
            raise ProxyError(f"The proxy {proxy.name} is {found}, not {wanted}.")
        return ProxyState(told.get("enabled") is True, tuple(_toxic(kept) for kept in told.get("toxics") or ()))

    async def toxics(self, proxy: Proxy) -> tuple[Toxic, ...]:
        return (await self.state(proxy)).toxics

    async def add(self, proxy: Proxy, toxic: Toxic) -> None:
        """Put a toxic on; open and new connections feel it at once."""
        async with self._change:
            status, told = await self._call("POST", f"/proxies/{proxy.name}/toxics", _body(toxic))
            self._expect(status == 200, f"add {toxic.name} to {proxy.name}", status, told)
            await self._compare(proxy, toxic)
            self._wanted[proxy.name].toxics[toxic.name] = toxic

    async def update(self, proxy: Proxy, toxic: Toxic) -> None:
        """Change the attributes of a toxic that is on; its type and stream stay."""
        async with self._change:
            status, told = await self._call("POST", f"/proxies/{proxy.name}/toxics/{toxic.name}", _body(toxic))
            self._expect(status == 200, f"change {toxic.name} on {proxy.name}", status, told)
            await self._compare(proxy, toxic)
            self._wanted[proxy.name].toxics[toxic.name] = toxic

    async def remove(self, proxy: Proxy, toxic_name: str) -> None:
        """Take one toxic off and keep the connections (of `timeout`, they are closed).

        Under load this is the call that can wedge: a client with megabytes outstanding that stopped reading is enough.
        """
        async with self._change:
            self._wanted[proxy.name].toxics.pop(toxic_name, None)
            status, told = await self._call("DELETE", f"/proxies/{proxy.name}/toxics/{toxic_name}")
            self._expect(status == 204, f"remove {toxic_name} from {proxy.name}", status, told)
            if any(toxic.name == toxic_name for toxic in await self.toxics(proxy)):
                raise ProxyError(f"The toxic {toxic_name} is still on {proxy.name}.")

    async def disable(self, proxy: Proxy, *, by: str = "") -> None:
        """Cut every connection and refuse new ones, until `by` and whoever else does the same let it be on again."""
        async with self._change:
            await self._switch(proxy, False)
            self._wanted[proxy.name].off_by.add(by)

    async def enable(self, proxy: Proxy, *, by: str = "") -> None:
        """Listen again, on the same port, unless another holds it off."""
        async with self._change:
            wanted = self._wanted[proxy.name]
            wanted.off_by.discard(by)
            if wanted.on:
                await self._switch(proxy, True)

    async def delete(self, proxy: Proxy) -> None:
        self._proxies.pop(proxy.name, None)
        self._wanted.pop(proxy.name, None)
        try:
            await self._delete(proxy)
        except Wedged:  # the new server has none of that name
            await self._see_gone(proxy)

    async def _delete(self, proxy: Proxy) -> None:
        status, told = await self._call("DELETE", f"/proxies/{proxy.name}")
        self._expect(status == 204, f"delete {proxy.name}", status, told)
        await self._see_gone(proxy)

    async def _see_gone(self, proxy: Proxy) -> None:
        status, told = await self._call("GET", f"/proxies/{proxy.name}")
        self._expect(status == 404, f"find {proxy.name} gone", status, told)

    async def heal(self, proxy: Proxy) -> None:
        """No toxic and enabled, whoever has put on whatever. As `lift`, it cuts the link where a toxic is on."""
        async with self._change:
            self._wanted.pop(proxy.name, None)
            with contextlib.suppress(Wedged):  # healed by that
                await self._take_off(proxy, None)
            healed = await self.state(proxy)
            if healed != ProxyState(True, ()):
                raise ProxyError(f"The proxy {proxy.name} could not be healed: {healed}.")

    async def lift(self, proxy: Proxy, *toxic_names: str, by: str | None = None) -> None:
        """Take off these toxics, where they are on, and what `by` holds off; what others have put on stays on.

        With one of them on it makes the proxy anew, for `remove` could wedge: that closes the connections of the link.
        """
        async with self._change:
            wanted = self._wanted[proxy.name]
            for name in toxic_names:  # first: a new server in its place must not have them
                wanted.toxics.pop(name, None)
            if by is not None:
                wanted.off_by.discard(by)
            with contextlib.suppress(Wedged):  # a new one has what the others want
                await self._take_off(proxy, toxic_names)
            lifted = await self.state(proxy)
            left = [toxic.name for toxic in lifted.toxics if toxic.name in toxic_names]
            if left or lifted.enabled is not wanted.on:
                raise ProxyError(f"Of the proxy {proxy.name} {', '.join(toxic_names) or by} was not lifted: {lifted}.")

    async def _take_off(self, proxy: Proxy, toxic_names: Collection[str] | None) -> None:
        """And on it is, unless somebody holds it off. None: all toxics.

        To remove a toxic can hang for ever (2.12, seen): on a proxy that is on, where a client has stopped reading; on
        one that was switched off before, where two pieces of an answer were waiting in the toxic. To delete the whole
        proxy hangs in neither. Whoever was cut off between the two has left none.
        """
        status, _ = await self._call("GET", f"/proxies/{proxy.name}")
        if status == 404 and proxy.name in self._proxies:
            await self._create_again(proxy, self._call)
        state, on = await self.state(proxy), self._wanted[proxy.name].on
        if any(toxic_names is None or toxic.name in toxic_names for toxic in state.toxics):
            await self._delete(proxy)
            await self._create_again(proxy, self._call)
        elif state.enabled is not on:
            await self._switch(proxy, on)

    async def stop(self) -> None:
        """End the server, and with it every proxied connection."""
        await self.process.end(grace_s=2.0)

    async def _switch(self, proxy: Proxy, enabled: bool) -> None:
        word = "enable" if enabled else "disable"
        status, told = await self._call("POST", f"/proxies/{proxy.name}", {"enabled": enabled})
        self._expect(status == 200, f"{word} {proxy.name}", status, told)
        state = await self.state(proxy)
        if state.enabled is not enabled or listens(proxy.listen.port, [self.process.pid]) is not enabled:
            raise ProxyError(f"The proxy {proxy.name} did not {word}.")

    async def _compare(self, proxy: Proxy, toxic: Toxic) -> None:
        wanted = Toxic(toxic.name, toxic.type, toxic.stream, toxic.complete())
        found = [kept for kept in await self.toxics(proxy) if kept.name == toxic.name]
        if found != [wanted]:
            raise ProxyError(f"{proxy.name} has {found}, not {wanted} as it was asked.")

    async def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> tuple[int, Any]:
        async with self._turn:
            if not self.alive:
                raise ProxyError(f"Toxiproxy has ended (exit code {self.process.exit_code}).")
            try:
                return await self._ask(method, path, body)
            except Wedged as error:
                why = f"{error} It was ended and started anew, which cut every proxied connection."
                await self._renew(why)
                raise Wedged(why) from None

    async def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> tuple[int, Any]:
        return await asyncio.to_thread(self._calls.ask, method, path, body)

    async def _renew(self, why: str) -> None:
        """SIGKILL: nothing else is sure to end a server that is wedged. For whoever has the turn."""
        self._renewing = True
        try:
            await self.process.end(first=SIGKILL)
            self.process = self._start(self.address.port)
            if not await self._answers():
                raise ProxyError("Toxiproxy hung, and another one does not start in its place.")
            for proxy in self._proxies.values():
                await self._create_again(proxy, self._ask)
            self.renewed.append(why)
        finally:
            self._renewing = False

    async def _create_again(self, proxy: Proxy, ask: _Ask) -> None:
        """On its port, with what is still wanted.

        Off until its toxics are on, so that no connection slips through, and so that there is one to be switched on
        later where somebody has taken the port.
        """
        wanted = self._wanted[proxy.name]
        steps: list[tuple[str, dict[str, object], int]] = [("/proxies", {**_whole(proxy), "enabled": False}, 201)]
        steps += [(f"/proxies/{proxy.name}/toxics", _body(toxic), 200) for toxic in wanted.toxics.values()]
        if wanted.on:
            steps.append((f"/proxies/{proxy.name}", {"enabled": True}, 200))
        for path, body, wants in steps:
            status, told = await ask("POST", path, body)
            self._expect(status == wants, f"make {proxy.name} again", status, told)

    async def _answers(self) -> bool:
        """True once it is the process that we started, without proxies; False on a port that is taken."""
        end, port = time.monotonic() + _READY_S, self.address.port
        while time.monotonic() < end:
            taken = any(row.state == LISTEN and row.local_port == port for row in tcp_rows())
            ours = listens(port, [self.process.pid])  # asked later: so what listens is another's, or ours
            if not self.process.alive or (taken and not ours):
                await self.stop()
                return False
            if ours:
                status, told = await asyncio.to_thread(self._calls.ask, "GET", "/proxies")
                self._expect(status == 200 and told == {}, "start without proxies", status, told)
                return True
            await asyncio.sleep(0.02)
        raise MachineError(f"Toxiproxy did not answer within {_READY_S:g} s.")

    def _expect(self, holds: bool, what: str, status: int, told: object) -> None:
        if not holds:
            reason = told.get("error", told) if isinstance(told, dict) else told
            raise ProxyError(f"Toxiproxy refused to {what}: {reason} (status {status}).")


def _text(address: Address) -> str:
    return f"{address.host}:{address.port}"


def _whole(proxy: Proxy) -> dict[str, object]:
    return {"name": proxy.name, "listen": _text(proxy.listen), "upstream": _text(proxy.upstream), "enabled": True}


def _body(toxic: Toxic) -> dict[str, object]:
    kept = {"name": toxic.name, "type": toxic.type, "stream": toxic.stream}
    return {**kept, "toxicity": 1.0, "attributes": toxic.complete()}


def _toxic(told: Mapping[str, Any]) -> Toxic:
    if told.get("toxicity") != 1:
        raise ProxyError(f"The toxic {told.get('name')} has toxicity {told.get('toxicity')}, not 1.")
    return Toxic(told["name"], told["type"], told["stream"], dict(told["attributes"]))


async def start_toxiproxy(spawner: Spawner, ports: Ports, folder: Path, say: Say) -> Toxiproxy:
    """A server without proxies; `folder` takes its log."""
    binary = await toxiproxy_binary(spawner, folder, say)
    log = folder / "toxiproxy.log"

    def start(port: int) -> Process:
        return spawner.spawn(
            [str(binary), "-host", "127.0.0.1", "-port", str(port)],
            name="toxiproxy",
            # One line for each connection would be written otherwise.
            env=clean_env(LOG_LEVEL="warn"),
            cwd=folder,
            log=log,
        )

    for _ in range(_PORT_TRIES):
        server = Toxiproxy(start, ports.take(), ports)
        try:
            if await server._answers():
                return server
        except BaseException:
            await server.stop()
            raise
    lines = log.read_text("utf-8", "replace").strip().splitlines() or ["its log is empty"]
    raise MachineError(f"Toxiproxy ({binary}) does not start: {lines[-1]}")
