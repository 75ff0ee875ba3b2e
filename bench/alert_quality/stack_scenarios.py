"""Faults of those who watch: who can still hear is told, and of nothing that the cache has not."""

from __future__ import annotations

from bench.alert_quality import events
from bench.alert_quality import stack_events as stack
from bench.alert_quality.lab import Where
from bench.alert_quality.scenario import Scenario, Step

_SECOND = stack.SecondExporter()
# Prometheus is reloaded for it, and knows no Alertmanager for some seconds: what ends then is told a minute later.
_RELOADED = 240.0


def _fault(
    name: str,
    what: str,
    begin: Step,
    end: Step,
    *nodes: str,
    fleet: tuple[str, ...] = (),
    also: tuple[str, ...] = (),
    deaf: tuple[str, ...] = (),
    where: Where = "sentinel",
    rest: float = 90.0,
) -> Scenario:
    return Scenario(name, "fault", what, begin, end, nodes, fleet, also, frozenset(deaf), where, rest=rest)


# Alertmanager's attempts fail each 10 s at the soonest, and two of them are a failure: of the ways it is told late.
_WAYS: tuple[Scenario, ...] = (
    _fault(
        "slack-refuses",
        "Slack refuses, and a replica dies",
        stack.refusing("slack", status=500),
        stack.taking_again("slack"),
        "CacheNodeDown",
        fleet=("CacheNotificationsFailing/slack",),
        deaf=("slack",),
    ),
    _fault(
        "pagerduty-refuses",
        "PagerDuty refuses, and a replica dies",
        stack.refusing("pagerduty", status=403),
        stack.taking_again("pagerduty"),
        "CacheNodeDown",
        fleet=("CacheNotificationsFailing/pagerduty",),
        deaf=("pagerduty",),
    ),
    _fault(
        "nobody-hears",
        "PagerDuty and Slack refuse, and a replica dies",
        stack.refusing("slack", "pagerduty", status=500),
        stack.taking_again("slack", "pagerduty"),
        "CacheNodeDown",
        fleet=("CacheWatchdog",),
        also=("CacheNotificationsFailing",),
        deaf=("pagerduty", "slack"),
    ),
    _fault(
        "heartbeat-refused",
        "the service outside refuses the heartbeat",
        stack.heartbeat_refused,
        stack.heartbeat_taken,
        fleet=("CacheNotificationsFailing/webhook", "CacheWatchdog"),
    ),
    _fault(
        "alertmanager",
        "Alertmanager is killed",
        stack.alertmanager_killed,
        stack.alertmanager_back,
        fleet=("CacheWatchdog",),
    ),
)

_CONFIGURATION: tuple[Scenario, ...] = (
    _fault(
        "rules-refused",
        "Prometheus refuses a file of rules",
        stack.rules_half_copied,
        stack.rules_whole,
        fleet=("CacheRuleFailures/reload",),
        rest=_RELOADED,
    ),
    _fault(
        "routes-refused",
        "Alertmanager refuses its configuration",
        stack.routes_broken,
        stack.routes_mended,
        fleet=("CacheRuleFailures/routes",),
    ),
    _fault(
        "policy-differs",
        "the exporter is reloaded with another policy",
        stack.another_policy,
        stack.own_policy,
        "CachePolicyDiffers",
    ),
    _fault(
        "policy-refused",
        "the exporter refuses its policy",
        stack.refused_policy,
        stack.own_policy,
        fleet=("CacheDiscoveryFailing/policy",),
    ),
    _fault(
        "second-exporter",
        "Prometheus scrapes a second exporter of the fleet",
        _SECOND.begin,
        _SECOND.end,
        fleet=("CacheWatchedTwice",),
        rest=_RELOADED,
    ),
    _fault(
        "scraped-twice",
        "Prometheus scrapes the exporter by a job of somebody's own, without honor_labels",
        stack.scraped_by_another_job,
        stack.scrapes_as_built,
        fleet=("CacheWatchedTwice",),
        rest=_RELOADED,
    ),
)

_LISTED: tuple[Scenario, ...] = (
    _fault(
        "alertmanager-peer",
        "the second Alertmanager is killed",
        stack.peer_killed,
        stack.peer_back,
        fleet=("CacheAlertmanagerPeerDown",),
        where="listed",
    ),
    _fault(
        "alertmanager-first",
        "the first of two Alertmanagers is killed",
        stack.first_killed,
        stack.alertmanager_back,
        fleet=("CacheAlertmanagerPeerDown",),
        where="listed",
    ),
    _fault(
        "alertmanager-alone",
        "the second Alertmanager is started without the first",
        stack.peer_alone,
        stack.peer_joins,
        fleet=("CacheAlertmanagerPeerDown",),
        where="listed",
    ),
    _fault(
        "node-and-alertmanager",
        "the Alertmanager that told of a dead replica is killed",
        stack.node_and_first,
        stack.node_and_first_back,
        "CacheNodeDown",
        fleet=("CacheAlertmanagerPeerDown",),
        where="listed",
    ),
    _fault(
        "certificate",
        "the certificate of a replica ends in 3 days",
        stack.certificate_ending,
        stack.certificates_renewed,
        "CacheCertificateExpiring",
        where="listed",
    ),
    _fault(
        "certificates",
        "the certificates of all nodes end in 3 days",
        stack.certificates_ending,
        stack.certificates_renewed,
        "CacheCertificateExpiring",
        where="listed",
    ),
    _fault(
        "certificate-ended",
        "a certificate that was told to end has ended",
        stack.certificate_ended,
        stack.certificates_renewed,
        "CacheCertificateExpiring",
        "CacheCollectionFailing",
        where="listed",
    ),
    _fault(
        "file-cut",
        "the file that names the nodes is cut",
        stack.file_cut,
        stack.file_whole,
        fleet=("CacheDiscoveryFailing/files",),
        where="listed",
    ),
    _fault(
        "file-gone",
        "the exporter starts without the file that names the nodes",
        stack.file_gone_and_exporter_restarts,
        stack.file_whole,
        "CacheNodeDown",
        fleet=("CacheDiscoveryFailing/files",),
        where="listed",
    ),
)

STACK_FAULTS = (*_WAYS, *_CONFIGURATION, *_LISTED)
STACK_HARMLESS: tuple[Scenario, ...] = (
    Scenario(
        "alertmanagers-restart",
        "harmless",
        "both Alertmanagers restart, one after the other",
        stack.pair_restarts,
        events.nothing,
        where="listed",
    ),
)
