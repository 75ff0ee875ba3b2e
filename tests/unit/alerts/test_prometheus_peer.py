"""What is told of one of several Prometheus names the others, and the file that is its own."""

from alerts import prometheus_peer
from policy.model import Policy


def test_each_is_told_of_with_the_others_and_with_its_own_file() -> None:
    peers = ["http://10.0.0.2:9090", "http://10.0.0.3:9090"]
    found = prometheus_peer.alerts(Policy.model_validate({"stack": {"prometheus_peers": peers}}))
    told = {(alert.labels["instance"], alert.labels["cause"]): alert.annotations["description"] for alert in found}
    assert "What is left (127.0.0.1:9090, 10.0.0.3:9090) watches" in told["10.0.0.2:9090", "gone"]
    assert "has the prometheus-2.yml of the build" in told["10.0.0.2:9090", "mute"]
    assert "has the prometheus.yml of the build" in told["127.0.0.1:9090", "mute"]
