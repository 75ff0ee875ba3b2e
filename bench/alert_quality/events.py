"""What a scenario does to the lab and how it is undone; each step says what it did, naming the nodes that it broke."""

from __future__ import annotations

import time
from collections.abc import Callable

import redis
import yaml

from alerts.targets import ALL_JOB
from bench.alert_quality.lab import Lab
from policy.alerts import WATCHDOG
from sandbox import web
from sandbox.demo_policy import FLEET
from sandbox.faults_stack import kill_prober
from sandbox.files import write_atomic
from sandbox.process import wait_until
from sandbox.redis_node import RedisNode, connect
from sandbox.traffic import Traffic

_PATIENCE = 60.0
_BURST, _BURST_SECONDS = 1200.0, 12.0
_SHORT_HANG = 0.7
_SLOW_QUERY = 0.2
_FIRST_STEPS = 200_000
_BUSY = "local sum = 0 for step = 1, tonumber(ARGV[1]) do sum = sum + step end return 1"
_HOUR = "3600"
_LOST = range(100)
_CRASHES, _BETWEEN_CRASHES = (
    3,
    4.0,
)  # seconds down, and up: less than a page outlives the verdict with this run's policy
_UNWATCHED = 20.0  # longer than a page outlives the verdict with this run's policy


def nothing(_lab: Lab) -> str:
    """There is nothing to undo."""
    return "over by itself"


def breaking(name: str) -> Callable[[Lab], str]:
    """Make a fault of the demo."""
    return lambda lab: lab.demo.obey("break", name)


def healing(name: str) -> Callable[[Lab], str]:
    """Undo it."""
    return lambda lab: lab.demo.obey("heal", name)


def alertmanager_restart(lab: Lab) -> str:
    """Break a node, and restart Alertmanager once that was told."""
    said = lab.demo.obey("break", "replica-down")
    before = len(lab.received())
    wait_until(lambda: len(lab.received()) > before, _PATIENCE, "the page", every=0.1)
    lab.watchers.alertmanager.stop()
    lab.watchers.alertmanager.start()
    return said


def crash_loop(lab: Lab) -> str:
    """Kill a replica again and again, as if its supervisor started it each time."""
    for _ in range(_CRASHES - 1):
        lab.demo.obey("break", "replica-down")
        time.sleep(_BETWEEN_CRASHES)
        lab.demo.obey("heal", "replica-down")
        time.sleep(_BETWEEN_CRASHES)
    return lab.demo.obey("break", "replica-down")


def unwatched_while_down(by: str) -> Callable[[Lab], str]:
    """Kill who watches once it was told that a node is down, for longer than the page outlives its last verdict."""

    def begin(lab: Lab) -> str:
        said = lab.demo.obey("break", "replica-down")
        wait_until(lambda: "CacheNodeDown" in lab.firing(), _PATIENCE, "the page", every=0.1)
        gone = lab.demo.obey("break", by)
        time.sleep(_UNWATCHED)
        # Of each address that is named CacheNodeDown is expected: of the exporter's too, when it is that which is gone.
        return f"{said}; {gone}" if by == "exporter" else said

    return begin


def watched_again(by: str) -> Callable[[Lab], str]:
    """Bring back who watches, who finds the node still down, then the node."""

    def end(lab: Lab) -> str:
        said = lab.demo.obey("heal", by)
        time.sleep(_UNWATCHED)
        return f"{said}; {lab.demo.obey('heal', 'replica-down')}"

    return end


def leaderless(lab: Lab) -> str:
    """Kill a primary while the sentinels are too few to replace it."""
    lab.demo.obey("break", "sentinels")
    return lab.demo.obey("break", "node-down")


def led_again(lab: Lab) -> str:
    """Bring back the primary, then the sentinels."""
    return "; ".join(lab.demo.obey("heal", name) for name in ("node-down", "sentinels"))


def lose_sentinel(lab: Lab) -> str:
    """Kill one Sentinel of three."""
    lab.demo.fleet.sentinel_servers[-1].kill()
    return "one of three Sentinels is dead (SIGKILL)"


def start_sentinel(lab: Lab) -> str:
    """Start it with what it knew."""
    fleet = lab.demo.fleet
    fleet.sentinel_servers[-1].start_again()
    wait_until(fleet.watched, _PATIENCE, "the Sentinels to know each other")
    return "it is back"


def full_for_good(lab: Lab) -> str:
    """Fill a node that makes no room by itself."""
    _evict(lab, "noeviction")
    return lab.demo.obey("break", "memory")


def room_again(lab: Lab) -> str:
    """Empty it, and let it evict as before."""
    said = lab.demo.obey("heal", "memory")
    _evict(lab, "allkeys-lru")
    return said


def _evict(lab: Lab, policy: str) -> None:
    for node in lab.demo.fleet.by_shard[lab.demo.fleet.shards[-1]]:
        with node.client() as client:
            client.config_set("maxmemory-policy", policy)


def full_while_the_exporter_restarts(lab: Lab) -> str:
    """Restart the exporter once it was told that a node is full."""
    said = full_for_good(lab)
    wait_until(lambda: "CacheMemoryVeryHigh" in lab.firing(), _PATIENCE, "the page", every=0.1)
    exporter_deploy(lab)
    return said


def limit_scrape(lab: Lab) -> str:
    """Let Prometheus refuse the page of node facts: somebody thought that ten samples are enough."""
    _limit_scrape(lab, 10)
    return f"Prometheus takes ten samples of {lab.watchers.exporter.url}/metrics"


def lift_limit(lab: Lab) -> str:
    """Let it take all."""
    _limit_scrape(lab, 0)
    return "Prometheus takes all samples"


def _limit_scrape(lab: Lab, samples: int) -> None:
    path = lab.directory / "build" / "prometheus.yml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    (job,) = (job for job in config["scrape_configs"] if job["job_name"] == ALL_JOB)
    job["sample_limit"] = samples
    write_atomic(path, yaml.safe_dump(config))
    web.request("POST", f"{lab.watchers.prometheus.url}/-/reload")


def refuse_info(lab: Lab) -> str:
    """Take the right to INFO from who asks a primary: a hardened ACL that forgot the exporter."""
    primary = lab.demo.fleet.primary(lab.demo.fleet.shards[0])
    _permit(primary, "-info")
    return f"{primary.instance} refuses INFO"


def permit_info(lab: Lab) -> str:
    """Give it back."""
    for node in lab.nodes:
        _permit(node, "+info")
    return "INFO is permitted"


def _permit(node: RedisNode, rule: str) -> None:
    with node.client() as client:
        client.execute_command("ACL", "SETUSER", "default", rule)


def lose_slots(lab: Lab) -> str:
    """Let slots belong to nobody. Their owner forgets them first: its next word would give them back."""
    owner = next(node for node in lab.cluster.primaries() if _owns(lab, node, _LOST[0]))
    for node in (owner, *(node for node in lab.cluster.nodes if node is not owner)):
        with node.client() as client:
            client.execute_command("CLUSTER", "DELSLOTS", *_LOST)
    return f"{len(_LOST)} slots belong to nobody"


def _owns(lab: Lab, node: RedisNode, slot: int) -> bool:
    """Whether a node's own line names ranges of slots that begin with this one."""
    mine = next(line for line in lab.cluster.lines(node) if "myself" in line[2])
    return any(words.split("-")[0] == str(slot) for words in mine[8:])


def give_slots(lab: Lab) -> str:
    """Give them to a primary, which tells the others."""
    with lab.cluster.primaries()[0].client() as client:
        client.execute_command("CLUSTER", "ADDSLOTS", *_LOST)
    wait_until(lab.cluster.whole, _PATIENCE, "the cluster to be whole")
    return "every slot has a primary"


def lose_shard(lab: Lab) -> str:
    """Kill a primary of the Cluster and its replica."""
    primary = lab.cluster.primaries()[0]
    replica = lab.cluster.replica_of(primary)
    for node in (replica, primary):
        node.kill()
    return f"{primary.instance} and its replica {replica.instance} are dead (SIGKILL)"


def restore_shard(lab: Lab) -> str:
    """Start them again."""
    for node in lab.cluster.nodes:
        if not node.alive:
            node.start()
    wait_until(lab.cluster.whole, _PATIENCE, "the cluster to be whole")
    return "the cluster is whole"


def _fail_over(lab: Lab, shard: str) -> None:
    fleet = lab.demo.fleet
    old = fleet.primary(shard)
    wait_until(lambda: _told_to_fail_over(lab, shard), _PATIENCE, f"Sentinel to fail {shard} over", every=0.5)
    wait_until(lambda: fleet.primary(shard) is not old, _PATIENCE, f"the failover of {shard}")
    wait_until(fleet.in_sync, _PATIENCE, "the replicas to be in sync")


def _told_to_fail_over(lab: Lab, shard: str) -> bool:
    """Whether Sentinel does it: of a replica that has just restarted it must hear first."""
    with connect(lab.demo.fleet.sentinel_servers[0].port) as sentinel:
        try:
            sentinel.execute_command("SENTINEL FAILOVER", shard)
        except redis.ResponseError:
            return False
    return True


def planned_failover(lab: Lab) -> str:
    """As an operator does before he works on a machine."""
    _fail_over(lab, lab.demo.fleet.shards[0])
    return "failed over"


def rolling_restart(lab: Lab) -> str:
    """As an operator upgrades a fleet: the replica, a failover, the old primary."""
    fleet = lab.demo.fleet
    for shard in fleet.shards:
        _restart(lab, fleet.replica(shard), shard)
        _fail_over(lab, shard)
        _restart(lab, fleet.replica(shard), shard)
    return "every node restarted"


def _restart(lab: Lab, replica: RedisNode, shard: str) -> None:
    replica.restart(lab.demo.fleet.primary(shard).port)
    wait_until(lab.demo.fleet.in_sync, _PATIENCE, f"{replica.instance} to be in sync")


def no_traffic(lab: Lab) -> str:
    """Stop the application."""
    lab.demo.traffic.pause()
    return "no requests"


def traffic_again(lab: Lab) -> str:
    """Let the application go on."""
    lab.demo.traffic.resume()
    return "requests as before"


def burst(lab: Lab) -> str:
    """A second application, for some seconds."""
    more = Traffic(lab.demo.fleet, lab.directory / "run" / "burst", _BURST, lifetime=_BURST_SECONDS)
    with more:
        more.wait(_BURST_SECONDS + _PATIENCE)
    return "the burst is over"


def cold_cache(lab: Lab) -> str:
    """Empty every shard."""
    for shard in lab.demo.fleet.shards:
        with lab.demo.fleet.primary(shard).client() as client:
            client.flushall()
    return "the cache is empty"


def reset_counters(lab: Lab) -> str:
    """Let every node count from 0."""
    for node in lab.nodes:
        with node.client() as client:
            client.config_resetstat()
    return "the counters begin anew"


def slow_query(lab: Lab) -> str:
    """One script that computes for so long, measured by a shorter one before."""
    with lab.demo.fleet.primary(lab.demo.fleet.shards[0]).client(timeout=5.0) as client:
        began = time.monotonic()
        client.execute_command("EVAL", _BUSY, 0, _FIRST_STEPS)
        steps = int(_FIRST_STEPS * _SLOW_QUERY / (time.monotonic() - began))
        client.execute_command("EVAL", _BUSY, 0, steps)
    return "the script has ended"


def short_hang(lab: Lab) -> str:
    """As a fork of a large process, or the machine's own hiccup."""
    node = lab.demo.fleet.primary(lab.demo.fleet.shards[0])
    node.pause()
    time.sleep(_SHORT_HANG)
    node.resume()
    return "it goes on"


def exporter_deploy(lab: Lab) -> str:
    """Stop the exporter in order and start another."""
    lab.watchers.exporter.stop()
    lab.watchers.exporter.start()
    return "a new exporter runs"


def prober_once(lab: Lab) -> str:
    """Kill the prober, and let the exporter do what it does then."""
    wait_until(lambda: kill_prober(lab.watchers.exporter), _PATIENCE, "the prober")
    return "the prober was killed"


def prometheus_restart(lab: Lab) -> str:
    """Stop Prometheus in order and start it on its data."""
    lab.watchers.prometheus.stop()
    lab.watchers.prometheus.start()
    return "Prometheus is back"


def silenced_death(lab: Lab) -> str:
    """Announce work on the fleet, as docs/operate.md has it, then take a replica down."""
    now = time.time()
    silence = {
        "matchers": [
            {"name": "fleet", "value": FLEET, "isRegex": False, "isEqual": True},
            {"name": "alertname", "value": WATCHDOG.name, "isRegex": False, "isEqual": False},
        ],
        "startsAt": _moment(now),
        "endsAt": _moment(now + 600),
        "createdBy": "bench",
        "comment": "planned work",
    }
    web.post_json(f"{lab.watchers.alertmanager.url}/api/v2/silences", silence)
    lab.demo.obey("break", "replica-down")
    return "a replica is dead, under a silence"


def end_silence(lab: Lab) -> str:
    """Mend it; when nothing fires any more the silence ends."""
    said = lab.demo.obey("heal", "replica-down")
    wait_until(lambda: not lab.alerting(), _PATIENCE, "the alerts to end", every=0.5)
    url = lab.watchers.alertmanager.url
    for silence in web.get_json(f"{url}/api/v2/silences"):
        web.request("DELETE", f"{url}/api/v2/silence/{silence['id']}")
    return said


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def clock_ahead(lab: Lab) -> str:
    """The clock of exporter and notifier jumps an hour ahead."""
    write_atomic(lab.clock, _HOUR)
    return "an hour later"


def clock_back(lab: Lab) -> str:
    """And back."""
    write_atomic(lab.clock, "0")
    return "an hour earlier"
