"""What the person on call reads in Slack."""

from typing import Any, get_args

import pytest

from alerts.model import Alert as Rule
from alerts.notifier.message import ACTIONS, MAX_ALERTS, MAX_DESCRIPTION, MAX_DESCRIPTIONS, Message, render
from alerts.notifier.mrkdwn import MAX_LINK
from alerts.rules import groups
from policy import links as addresses
from policy.alerts import POLICY_DIFFERS, Action
from policy.model import Policy
from sandbox.sink_rules import blocks_are_valid
from tests.unit.alerts_notifier.samples import ENDED, alert, notification

_BEGAN = "<!date^1795316645^{date_short_pretty}, {time_secs}|2026-11-22 03:04:05 UTC>"
_ENDED = "<!date^1795316778^{date_short_pretty}, {time_secs}|2026-11-22 03:06:18 UTC>"
_FILTER = "%7Balertname%3D%22CacheNodeDown%22%2Cfleet%3D%22prod-cache%22%2Cinstance%3D%2210.0.0.1%3A6379%22%7D"


def _texts(message: Message) -> list[str]:
    """Every text of the message in reading order."""
    return [
        text["text"]
        for block in message.blocks
        for text in ([block["text"]] if "text" in block else []) + block.get("fields", [])
    ]


def _table(message: Message) -> dict[str, str]:
    fields = next(block["fields"] for block in message.blocks if "fields" in block)
    pairs = (field["text"].split("\n", 1) for field in fields)
    return {name.strip("*"): value for name, value in pairs}


def test_a_firing_alert_says_what_where_since_when_and_what_to_do() -> None:
    message = render(notification())
    assert message.text.startswith("FIRING (critical): Cache node 10.0.0.1:6379 is down")
    texts = _texts(message)
    assert texts[0] == "🔴 FIRING (critical): CacheNodeDown on 10.0.0.1:6379 (fleet prod-cache)"
    assert texts[1] == (
        "*Cache node 10.0.0.1:6379 is down*\n"
        "10.0.0.1:6379 (primary of shard-a) failed 3 health checks in a row.\nFirst: redis-cli -p 6379 ping"
    )
    assert _table(message) == {
        "Severity": "critical",
        "Fleet": "prod-cache",
        "Shard": "shard-a",
        "Instance": "10.0.0.1:6379",
        "Firing since": _BEGAN,
    }
    assert not any("What to do" in text for text in texts), "the story says it, and better"


def test_a_story_that_does_not_say_what_to_do_first_is_helped_by_the_action() -> None:
    texts = _texts(render(notification(alert(annotations={"description": "It is down."}))))
    assert texts[-2].startswith("*What to do:* If it was a primary under Sentinel or in a Cluster: see that")


def test_a_firing_alert_links_runbook_dashboard_and_the_silence_for_just_this_group() -> None:
    assert render(notification()).links.split("  |  ") == [
        "<http://127.0.0.1:9122/runbooks/CacheNodeDown|Runbook>",
        "<http://127.0.0.1:3000/d/cachewatch-fleet?var-fleet=prod-cache&amp;var-instance=10.0.0.1%3A6379|Dashboard>",
        f"<http://127.0.0.1:9093/#/silences/new?filter={_FILTER}|Silence it>",
        f"<http://127.0.0.1:9093/#/alerts?filter={_FILTER}|Alertmanager>",
    ]


def test_without_a_dashboard_the_graph_of_the_alert_is_linked() -> None:
    links = render(notification(alert(annotations={"dashboard_url": ""}))).links
    assert "<http://127.0.0.1:9090/graph?g0.expr=cache_node_up+%3D%3D+0&amp;g0.tab=1|Graph>" in links


def test_a_graph_of_prometheus_is_not_called_a_dashboard() -> None:
    graph = addresses.graph(Policy(), "up == 0")
    links = render(notification(alert(annotations={"dashboard_url": graph}))).links
    assert f"<{graph.replace('&', '&amp;')}|Graph>" in links
    assert "Dashboard" not in links


def test_a_resolved_alert_says_so_first_and_how_long_it_lasted() -> None:
    message = render(notification(alert(ended=ENDED)))
    assert message.text.startswith("RESOLVED after 2m13s: ")
    texts = _texts(message)
    assert texts[0] == "✅ RESOLVED after 2m13s: CacheNodeDown on 10.0.0.1:6379 (fleet prod-cache)"
    assert texts[1] == "*Over:* Cache node 10.0.0.1:6379 is down"
    table = _table(message)
    assert (table["Fired at"], table["Resolved at"], table["Lasted"]) == (_BEGAN, _ENDED, "2m13s")
    assert not any("What to do" in text or "silences" in text for text in texts)


GONE = {"unseen": "the exporter 10.0.0.9:9121 is gone"}


def test_an_alert_that_ended_because_nobody_looks_any_more_is_not_called_resolved() -> None:
    message = render(notification(alert(ended=ENDED, annotations=GONE)))
    assert message.text.startswith("ENDED UNSEEN after 2m13s: Cache node 10.0.0.1:6379 is down")
    texts = _texts(message)
    assert texts[0] == "⚪ ENDED UNSEEN after 2m13s: CacheNodeDown on 10.0.0.1:6379 (fleet prod-cache)"
    told = "*Nobody has seen it heal:* the exporter 10.0.0.9:9121 is gone. It was: Cache node 10.0.0.1:6379 is down"
    assert texts[1] == told
    assert _table(message)["Ended at"] == _ENDED
    both = _texts(render(notification(alert("a:1", ended=ENDED), alert("b:2", ended=ENDED, annotations=GONE))))
    assert both[0].startswith("⚪ ENDED UNSEEN after 2m13s: ")
    assert [text.split()[1:3] for text in both if text.endswith("is down")] == [
        ["RESOLVED", "after"],
        ["ENDED", "UNSEEN"],
    ]


def test_while_it_fires_and_where_somebody_looks_nothing_is_said_of_that() -> None:
    firing, seen = alert(annotations=GONE), alert(ended=ENDED, annotations={"unseen": ""})
    assert _texts(render(notification(firing))) == _texts(render(notification(alert())))
    assert _texts(render(notification(seen))) == _texts(render(notification(alert(ended=ENDED))))


@pytest.mark.parametrize(("severity", "mark"), [("critical", "🔴"), ("warning", "🟡"), ("info", "🔵")])
def test_the_severity_stands_there_in_words_beside_its_colour(severity: str, mark: str) -> None:
    message = render(notification(alert(labels={"severity": severity})))
    assert _texts(message)[0].startswith(f"{mark} FIRING ({severity}): ")


def test_every_action_of_the_policy_is_put_into_words() -> None:
    assert set(ACTIONS) == set(get_args(Action)) - {"none"}, "which is the Watchdog's, and of that no message is made"


def test_an_action_of_another_rule_is_shown_as_it_is() -> None:
    texts = _texts(render(notification(alert(labels={"action": "call <bob>"}, annotations={"description": ""}))))
    assert "*What to do:* call &lt;bob&gt;" in texts


def story(instance: str) -> str:
    """The description of the samples."""
    return f"{instance} (primary of shard-a) failed 3 health checks in a row.\nFirst: redis-cli -p 6379 ping"


def test_a_group_is_listed_firing_first_with_the_worst_severity_on_top() -> None:
    several = (alert("b:2", ended=ENDED), alert("a:1", labels={"severity": "warning"}), alert("c:3"))
    texts = _texts(render(notification(*several)))
    assert texts[0] == "🔴 FIRING (critical, 1 of 3 resolved): CacheNodeDown on 3 instances"
    lines = [text for text in texts if "is down" in text]
    assert lines == [
        f"*a:1*: FIRING since {_BEGAN}\nCache node a:1 is down\n{story('a:1')}",
        f"*c:3*: FIRING since {_BEGAN}\nCache node c:3 is down\n{story('c:3')}",
        "*b:2*: RESOLVED after 2m13s\nCache node b:2 is down",
    ]


def test_two_hundred_alerts_make_one_valid_message_that_says_how_many_are_left_out() -> None:
    flood = [alert(f"10.0.0.{number}:6379", annotations={"summary": "<&>" * 2000}) for number in range(200)]
    message = render(notification(*flood, truncatedAlerts=40))
    assert blocks_are_valid(list(message.blocks))
    left_out = f"{200 - MAX_ALERTS} firing and 0 resolved alerts are not shown here, nor 40 that Alertmanager left out"
    assert any(left_out in text for text in _texts(message))


def test_the_stories_of_a_group_share_the_room_that_a_message_has() -> None:
    long = "why " * 1000
    for count, most in ((2, MAX_DESCRIPTION), (MAX_ALERTS, MAX_DESCRIPTIONS // MAX_ALERTS)):
        flood = [alert(f"n:{number}", annotations={"description": long}) for number in range(count)]
        message = render(notification(*flood))
        told = [text.split("\n", 2)[2] for text in _texts(message) if "is down" in text]
        assert [len(text) for text in told] == [most] * count
        assert blocks_are_valid(list(message.blocks))


def test_a_group_of_which_only_ended_alerts_are_told_is_not_called_over() -> None:
    """Alertmanager cuts a group without a look at what still fires."""
    message = render(notification(alert("a:1", ended=ENDED), alert("b:2", ended=ENDED), truncatedAlerts=7))
    assert _texts(message)[0] == "🔵 RESOLVED (2 of 9): CacheNodeDown on 2 instances"
    assert message.text.startswith("RESOLVED (2 of 9): ")


@pytest.mark.parametrize("filling", ["x", "&", "<", "é", "\n", "😀", "`", "*", '"', "\\"])
def test_no_text_of_an_alert_can_make_a_message_that_slack_refuses(filling: str) -> None:
    long = filling * 5000
    hostile: dict[str, Any] = dict.fromkeys(("alertname", "severity", "action", "fleet", "shard", "instance"), long)
    texts = {"summary": long, "description": long, "runbook_url": f"http://x/{long}", "dashboard_url": long}
    one = alert(labels=hostile, annotations=texts)
    for told in (notification(one), notification(one, one), notification(one, groupLabels=hostile)):
        assert blocks_are_valid(list(render(told).blocks))


def test_an_alert_without_our_labels_and_annotations_still_makes_a_message() -> None:
    bare = {**alert(), "labels": {}, "annotations": {}, "generatorURL": ""}
    message = render(notification(bare, groupLabels={}, externalURL=""))
    assert blocks_are_valid(list(message.blocks))
    assert message.text == "FIRING (no severity): no summary, alert without a name on an unnamed fleet"


def test_a_label_cannot_call_the_channel() -> None:
    hostile = alert(
        "<!channel>", labels={"fleet": "<!here>", "alertname": "<@U1>"}, annotations={"summary": "<!everyone>"}
    )
    message = render(notification(hostile))
    shown = "\n".join([*_texts(message), message.plain])
    assert not any(call in shown for call in ("<!channel", "<!here", "<!everyone", "<@"))
    assert "&lt;!channel&gt;" in shown


def test_slack_makes_nothing_live_out_of_our_text_by_itself() -> None:
    message = render(notification(alert("@here"), alert("#general")))
    marked = [text for block in message.blocks for text in [block.get("text"), *block.get("fields", [])] if text]
    assert all(text["verbatim"] for text in marked if text["type"] == "mrkdwn")
    assert message.blocks[0]["text"]["type"] == "plain_text"


def test_the_silence_link_survives_quotes_and_backslashes_in_a_label() -> None:
    message = render(notification(groupLabels={"fleet": 'a"b\\c\nd'}))
    assert "filter=%7Bfleet%3D%22a%5C%22b%5C%5Cc%5Cnd%22%7D" in message.links


def test_the_text_for_a_slack_that_refuses_blocks_has_the_links_too() -> None:
    message = render(notification())
    assert message.plain == f"{message.text}\n{message.links}"


def test_a_log_shows_the_text_as_people_read_it() -> None:
    message = render(notification(alert(annotations={"summary": "hit rate < 70% & <!here> &lt;"})))
    assert "hit rate < 70% & <!here> &lt;, " in message.logged


def test_the_longest_links_fit_where_they_stand() -> None:
    url = "https://x/".ljust(MAX_LINK, "a")
    group = {"fleet": "x" * (MAX_LINK - len("https://x/#/silences/new?filter=%7Bfleet%3D%22%22%7D"))}
    flood = [alert(annotations={"runbook_url": url, "dashboard_url": url}) for _ in range(MAX_ALERTS + 999)]
    message = render(notification(*flood, groupLabels=group, externalURL="https://x", truncatedAlerts=99_999_999))
    assert blocks_are_valid(list(message.blocks))
    assert [place.rpartition("|")[2] for place in message.links.split("  |  ")] == [
        "Runbook>",
        "Dashboard>",
        "Silence it>",
        "Alertmanager>",
    ]
    assert any("all of them in Alertmanager" in text for text in _texts(message))


def _rules() -> list[Rule]:
    """Every alert of a policy without Grafana, whose fleet has a long name."""
    slos = [{"name": name, "objective": 99.9, "window": "30d"} for name in ("availability", "hit_rate")]
    slack = {"channel": "#cache", "token_file": "token"}
    policy = {"fleet": {"name": "payments-cache-production-eu"}, "slos": slos, "notify": {"slack": slack}}
    made = groups(Policy.model_validate({**policy, "stack": {"prometheus_peers": ["http://127.0.0.1:9091"]}}))
    return [rule for group in made.values() for rule in group.rules if isinstance(rule, Rule)]


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: f"{rule.name}-{rule.labels['severity']}")
def test_no_default_alert_of_a_fleet_with_a_long_name_loses_a_link(rule: Rule) -> None:
    # A brace that stands for itself is what the templates of links without Grafana have, and nothing else.
    urls = {name: rule.annotations[name].replace('{{"{"}}', "{") for name in ("runbook_url", "dashboard_url")}
    for told in ([alert(annotations=urls)], [alert("a:1", annotations=urls), alert("b:2", annotations=urls)]):
        message = render(notification(*told))
        assert blocks_are_valid(list(message.blocks))
        for url in urls.values():
            assert any(f"<{url.replace('&', '&amp;')}|" in text for text in _texts(message)), len(url)


_ADDRESSES = {
    "127.0.0.1:9121": "exporter",
    "127.0.0.1:9122": "notifier",
    "127.0.0.1:9093": "Alertmanager",
    "127.0.0.1:9090": "Prometheus",
    "127.0.0.1:9091": "Prometheus",
}


def test_the_address_of_a_part_of_the_watching_is_not_told_as_a_node() -> None:
    seen = set()
    for rule in _rules():
        subject = "127.0.0.1:9121" if rule.name == POLICY_DIFFERS.name else "10.0.0.1:6379"
        instance = rule.labels.get("instance", subject)
        part = _ADDRESSES.get(instance, "")
        named = f"{part} {instance}".lstrip()
        one = alert(instance, labels={**rule.labels, "alertname": rule.name})
        message = render(notification(one))
        assert f": {rule.name} on {named} (fleet" in _texts(message)[0]
        assert _table(message)[part.capitalize() or "Instance"] == instance
        assert any(text.startswith(f"*{named}*: FIRING") for text in _texts(render(notification(one, one))))
        seen.add(part)
    assert seen == {"", *_ADDRESSES.values()}


@pytest.mark.parametrize(("cause", "who"), [("unnamed", "exporter "), ("unwatched", "exporter "), ("vanished", "")])
def test_of_nodes_that_nobody_knows_the_exporter_is_told_and_not_as_a_node(cause: str, who: str) -> None:
    message = render(notification(alert("127.0.0.1:9121", labels={"cause": cause})))
    assert f": CacheNodeDown on {who}127.0.0.1:9121 (fleet" in _texts(message)[0]
    assert ("Exporter" in _table(message)) is bool(who)


def test_a_ticket_on_the_exporters_own_certificate_is_about_the_fleet_and_names_no_node() -> None:
    own = alert(labels={"alertname": "CacheCertificateExpiring", "severity": "warning", "part": "client"})
    for label in ("instance", "shard"):
        del own["labels"][label]
    message = render(notification(own))
    assert ": CacheCertificateExpiring on fleet prod-cache" in _texts(message)[0]
    table = _table(message)
    assert table["Part"] == "client"
    assert table.keys().isdisjoint({"Instance", "Exporter", "Shard"})


def test_the_table_has_the_part_by_which_a_runbook_tells_failures_apart() -> None:
    assert (
        _table(render(notification(alert(labels={"alertname": "CacheRuleFailures", "part": "routes"}))))["Part"]
        == "routes"
    )
    assert "Part" not in _table(render(notification(alert())))
