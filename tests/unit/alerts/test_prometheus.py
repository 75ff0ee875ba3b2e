"""What Prometheus scrapes, and how often."""

from alerts.prometheus import config, configs
from policy.model import Policy
from tests.unit.alerts.policies import policy


def test_the_light_job_is_fast_and_the_full_one_brings_no_series_twice() -> None:
    fast, full, *_ = config(Policy())["scrape_configs"]
    assert (fast["job_name"], fast["metrics_path"], fast["scrape_interval"]) == ("cachewatch-sli", "/metrics/sli", "2s")
    assert (full["job_name"], full["metrics_path"], full["scrape_interval"]) == ("cachewatch", "/metrics", "15s")
    (drop,) = full["metric_relabel_configs"]
    assert (drop["regex"], drop["action"]) == ("cache_.*", "drop")
    assert fast["honor_labels"]
    assert full["honor_labels"]


def test_the_addresses_are_those_of_the_policy() -> None:
    found = config(policy("static"))
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in found["scrape_configs"]}
    assert targets == {
        "cachewatch-sli": ["exporter.example.com:9121"],
        "cachewatch": ["exporter.example.com:9121"],
        "cachewatch-prometheus": ["127.0.0.1:9090"],
        "cachewatch-alertmanager": ["127.0.0.1:9093"],
        "cachewatch-notifier": ["127.0.0.1:9122"],
    }
    assert found["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["127.0.0.1:9093"]


def test_a_scrape_is_given_up_before_the_next_one_is_due() -> None:
    full = config(policy("demo"))["scrape_configs"][1]
    assert (full["scrape_interval"], full["scrape_timeout"]) == ("2s", "2s")


def test_the_stack_watches_itself_by_light_jobs_at_the_slow_interval() -> None:
    stack = {"prometheus": "https://prometheus.example.com/eu", "alertmanager": "am.example.com"}
    jobs = config(Policy.model_validate({"stack": stack}))["scrape_configs"][2:]
    prometheus, alertmanager = jobs
    assert (prometheus["scheme"], prometheus["metrics_path"]) == ("https", "/eu/metrics")
    assert prometheus["static_configs"] == [{"targets": ["prometheus.example.com:443"]}]
    assert alertmanager["static_configs"] == [{"targets": ["am.example.com:9093"]}]
    assert [job["metric_relabel_configs"][0]["action"] for job in jobs] == ["keep", "keep"]
    assert not any("scrape_interval" in job for job in jobs)


def test_several_prometheus_are_one_job_and_each_is_scraped_at_its_own_scheme_and_path() -> None:
    peers = ["http://10.0.0.9:9090", "https://prometheus.example.com/us", "http://other.example.com/eu/"]
    stack = {"prometheus": "http://prometheus.example.com/eu", "prometheus_peers": peers}
    job = config(Policy.model_validate({"stack": stack}))["scrape_configs"][2]
    assert (job["scheme"], job["metrics_path"]) == ("http", "/eu/metrics")
    assert job["static_configs"] == [
        {"targets": ["prometheus.example.com:80"]},
        {"targets": ["10.0.0.9:9090"], "labels": {"__metrics_path__": "/metrics"}},
        {
            "targets": ["prometheus.example.com:443"],
            "labels": {"__scheme__": "https", "__metrics_path__": "/us/metrics"},
        },
        {"targets": ["other.example.com:80"]},
    ]


def test_of_several_each_has_a_file_that_differs_in_whose_alerts_it_sends() -> None:
    several = Policy.model_validate({"stack": {"prometheus_peers": ["http://10.0.0.$1:9090", "https://[::2]/eu"]}})
    found = configs(several)
    assert list(found) == ["prometheus.yml", "prometheus-2.yml", "prometheus-3.yml"]
    steps = [one["alerting"].pop("alert_relabel_configs") for one in found.values()]
    who = ["127.0.0.1:9090", "10.0.0.$$1:9090", "[::2]:443"]  # `$1` would be what a pattern has found
    assert steps == [[{"target_label": "prometheus_replica", "replacement": each}] for each in who]
    assert all(one == config(several) for one in found.values())


def test_one_that_is_alone_sends_alerts_as_they_are() -> None:
    assert configs(Policy()) == {"prometheus.yml": config(Policy())}
