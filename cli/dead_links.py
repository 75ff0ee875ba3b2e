"""Links in alerts that open nothing for whoever is told: `check` and `build` warn of them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from policy import links
from policy.model import Policy


def lead_to_loopback(policy: Policy) -> Iterator[str]:
    """One warning where people are told by Slack or PagerDuty, and links lead each of them to their own machine."""
    services = (policy.notify.slack, policy.notify.pagerduty)
    if not any(service and not links.is_loopback(service.url) for service in services):
        return  # nobody, or a stand-in on this machine, as in the demo
    dead = {key: url for key, url in _addresses(policy) if links.is_loopback(url)}
    if dead:
        hosts = " and ".join(dict.fromkeys(str(urlsplit(url).hostname) for url in dead.values()))
        cure = f"set {' and '.join(dead)} to addresses that people can open"
        yield f"links in alerts lead to {hosts}, where nobody else reaches them; {cure}"


def _addresses(policy: Policy) -> Iterator[tuple[str, str]]:
    """What alerts link to, each after the key that says where it is."""
    stack = policy.stack
    if stack.runbooks is not None:
        yield "stack.runbooks", stack.runbooks
    elif policy.notify.slack is not None:  # else there is no notifier to serve them, which is warned of on its own
        yield "stack.links.notifier (or stack.runbooks)", links.runbooks(policy)
    if stack.grafana is not None:
        yield "stack.grafana", stack.grafana
    else:
        yield "stack.links.prometheus (or stack.grafana)", stack.link("prometheus")
