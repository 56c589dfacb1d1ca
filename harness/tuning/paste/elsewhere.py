"""`elsewhere.txt`: what no file of ours can set, because it stands in the app's code, a proxy or what runs the service.

The keys begin with the place: `app.`, `proxy.`, `client.`, `pod.`. The lines are in the words of nginx and Kubernetes.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.tuning.paste.file import File, comment, comments, is_hidden, left_out, make, shown
from harness.tuning.recommendation import Recommendation, Setting

PLACES = {
    "app": "In the app's own code:",
    "proxy": "In the proxy in front (nginx):",
    "client": "In whoever calls the service:",
    "pod": "In what runs the service (Kubernetes):",
}
_WORDS = {
    "proxy.read_timeout_s": "proxy_read_timeout {}s;",
    "pod.termination_grace_s": "terminationGracePeriodSeconds: {}",
}
_HEAD = "Settings that belong elsewhere. They fit those of the other files: change one and look at its neighbours."


def elsewhere(recommendation: Recommendation) -> File | None:
    blocks: list[Iterator[str]] = []
    hidden: list[str] = []
    for place, head in PLACES.items():
        found = list(recommendation.of(place))
        if not found:
            continue
        blocks.append(comment(head))
        for each in found:
            blocks.append(left_out(each) if is_hidden(each) else _lines(each))
        hidden += [each.key for each in found if is_hidden(each)]
    return make("elsewhere.txt", _HEAD, blocks, hidden) if blocks else None


def _lines(setting: Setting) -> Iterator[str]:
    yield from comments(setting)
    value = "".join(each if each.isprintable() else " " for each in shown(setting.value))
    yield _WORDS.get(setting.key, f"{setting.name} = {{}}").format(value)
