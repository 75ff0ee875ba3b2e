"""What Prometheus scrapes, and how often."""

from alerts.prometheus import config
from policy.model import Policy
from tests.unit.alerts.policies import policy


def test_the_light_job_is_fast_and_the_full_one_brings_no_series_twice() -> None:
    fast, full = config(Policy())["scrape_configs"]
    assert (fast["job_name"], fast["metrics_path"], fast["scrape_interval"]) == ("cachewatch-sli", "/metrics/sli", "2s")
    assert (full["job_name"], full["metrics_path"], full["scrape_interval"]) == ("cachewatch", "/metrics", "15s")
    (drop,) = full["metric_relabel_configs"]
    assert (drop["regex"], drop["action"]) == ("cache_.*", "drop")
    assert fast["honor_labels"]
    assert full["honor_labels"]


def test_the_addresses_are_those_of_the_policy() -> None:
    found = config(policy("static"))
    targets = [job["static_configs"][0]["targets"] for job in found["scrape_configs"]]
    assert targets == [["exporter.example.com:9121"]] * 2
    assert found["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["127.0.0.1:9093"]


def test_a_scrape_is_given_up_before_the_next_one_is_due() -> None:
    full = config(policy("demo"))["scrape_configs"][1]
    assert (full["scrape_interval"], full["scrape_timeout"]) == ("2s", "2s")
