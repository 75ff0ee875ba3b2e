"""Where people are sent, and which parts of the stack the policy itself names."""

from policy import links, objectives
from policy.model import Policy


def test_the_runbook_is_the_policys_own_or_the_notifiers() -> None:
    assert links.runbook(Policy(), "CacheNodeDown") == "http://127.0.0.1:9122/runbooks/CacheNodeDown"
    own = Policy.model_validate({"stack": {"runbooks": "https://wiki.example.com/r/"}})
    assert links.runbook(own, "CacheNodeDown") == "https://wiki.example.com/r/CacheNodeDown"


def test_a_dashboard_is_linked_to_only_where_there_is_one() -> None:
    assert links.dashboard(Policy()) is None
    own = Policy.model_validate({"stack": {"grafana": "https://g.example.com"}, "fleet": {"name": "a&b"}})
    assert links.dashboard(own) == "https://g.example.com/d/cachewatch-fleet?var-fleet=a%26b"


def test_people_are_sent_where_they_can_go_and_parts_where_parts_can() -> None:
    outside = {"prometheus": "https://p.example.com/", "notifier": "https://n.example.com"}
    own = Policy.model_validate({"stack": {"prometheus": "http://prometheus:9090", "links": outside}})
    assert links.graph(own, "up").startswith("https://p.example.com/graph?")
    assert links.runbook(own, "X") == "https://n.example.com/runbooks/X"
    assert own.stack.link("alertmanager") == "http://127.0.0.1:9093"
    assert own.stack.prometheus == "http://prometheus:9090"


def test_a_default_address_is_named_by_nobody() -> None:
    assert not Policy().stack.names("prometheus")
    own = Policy.model_validate({"stack": {"prometheus": "http://127.0.0.1:9090"}}).stack
    assert own.names("prometheus")
    assert not own.names("alertmanager")


def test_the_budget_of_counted_events_is_exact() -> None:
    (slo,) = Policy.model_validate({"slos": [{"name": "availability", "objective": 99.9}]}).slos
    assert objectives.budget_of(slo, 1000, 1000) == 1.0
    assert objectives.budget_of(slo, 999, 1000) == 0.0
    assert objectives.budget_of(slo, 998, 1000) == -1.0
    assert objectives.budget_of(slo, 0, 0) is None
