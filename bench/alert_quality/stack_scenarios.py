"""Faults of those who watch: who can still hear is told, and of nothing that the cache has not."""

from __future__ import annotations

from bench.alert_quality import events
from bench.alert_quality import stack_events as stack
from bench.alert_quality.scenario import Scenario, fault

_SECOND = stack.SecondExporter()
# Prometheus is reloaded for it, and knows no Alertmanager for some seconds: what ends then is told a minute later.
_RELOADED = 240.0


# Alertmanager's attempts fail each 10 s at the soonest, and two of them are a failure: of the ways it is told late.
_WAYS: tuple[Scenario, ...] = (
    fault(
        "slack-refuses",
        "Slack refuses, and a replica dies",
        "CacheNodeDown",
        begin=stack.refusing("slack", status=500),
        end=stack.taking_again("slack"),
        fleet=("CacheNotificationsFailing/slack",),
        deaf=("slack",),
    ),
    fault(
        "pagerduty-refuses",
        "PagerDuty refuses, and a replica dies",
        "CacheNodeDown",
        begin=stack.refusing("pagerduty", status=403),
        end=stack.taking_again("pagerduty"),
        fleet=("CacheNotificationsFailing/pagerduty",),
        deaf=("pagerduty",),
    ),
    fault(
        "nobody-hears",
        "PagerDuty and Slack refuse, and a replica dies",
        "CacheNodeDown",
        begin=stack.refusing("slack", "pagerduty", status=500),
        end=stack.taking_again("slack", "pagerduty"),
        fleet=("CacheWatchdog",),
        also=("CacheNotificationsFailing",),
        deaf=("pagerduty", "slack"),
    ),
    fault(
        "heartbeat-refused",
        "the service outside refuses the heartbeat",
        begin=stack.heartbeat_refused,
        end=stack.heartbeat_taken,
        fleet=("CacheNotificationsFailing/webhook", "CacheWatchdog"),
    ),
    fault(
        "alertmanager",
        "Alertmanager is killed",
        begin=stack.alertmanager_killed,
        end=stack.alertmanager_back,
        fleet=("CacheWatchdog",),
    ),
)

_CONFIGURATION: tuple[Scenario, ...] = (
    fault(
        "rules-refused",
        "Prometheus refuses a file of rules",
        begin=stack.rules_half_copied,
        end=stack.rules_whole,
        fleet=("CacheRuleFailures/reload",),
        rest=_RELOADED,
    ),
    fault(
        "routes-refused",
        "Alertmanager refuses its configuration",
        begin=stack.routes_broken,
        end=stack.routes_mended,
        fleet=("CacheRuleFailures/routes",),
    ),
    fault(
        "policy-differs",
        "the exporter is reloaded with another policy",
        "CachePolicyDiffers",
        begin=stack.another_policy,
        end=stack.own_policy,
    ),
    fault(
        "policy-refused",
        "the exporter refuses its policy",
        begin=stack.refused_policy,
        end=stack.own_policy,
        fleet=("CacheDiscoveryFailing/policy",),
    ),
    fault(
        "second-exporter",
        "Prometheus scrapes a second exporter of the fleet",
        begin=_SECOND.begin,
        end=_SECOND.end,
        fleet=("CacheWatchedTwice",),
        rest=_RELOADED,
    ),
    fault(
        "scraped-twice",
        "Prometheus scrapes the exporter by a job of somebody's own, without honor_labels",
        begin=stack.scraped_by_another_job,
        end=stack.scrapes_as_built,
        fleet=("CacheWatchedTwice",),
        rest=_RELOADED,
    ),
)

_LISTED: tuple[Scenario, ...] = (
    fault(
        "alertmanager-peer",
        "the second Alertmanager is killed",
        begin=stack.peer_killed,
        end=stack.peer_back,
        fleet=("CacheAlertmanagerPeerDown",),
        where="listed",
    ),
    fault(
        "alertmanager-first",
        "the first of two Alertmanagers is killed",
        begin=stack.first_killed,
        end=stack.alertmanager_back,
        fleet=("CacheAlertmanagerPeerDown",),
        where="listed",
    ),
    fault(
        "alertmanager-alone",
        "the second Alertmanager is started without the first",
        begin=stack.peer_alone,
        end=stack.peer_joins,
        fleet=("CacheAlertmanagerPeerDown",),
        where="listed",
    ),
    fault(
        "node-and-alertmanager",
        "the Alertmanager that told of a dead replica is killed",
        "CacheNodeDown",
        begin=stack.node_and_first,
        end=stack.node_and_first_back,
        fleet=("CacheAlertmanagerPeerDown",),
        # The one that comes back does not know of the dead node, which silences this, until Prometheus says so again.
        also=("CacheReplicasMissing",),
        where="listed",
    ),
    fault(
        "certificate",
        "the certificate of a replica ends in 3 days",
        "CacheCertificateExpiring",
        begin=stack.certificate_ending,
        end=stack.certificates_renewed,
        where="listed",
    ),
    fault(
        "certificates",
        "the certificates of all nodes end in 3 days",
        "CacheCertificateExpiring",
        begin=stack.certificates_ending,
        end=stack.certificates_renewed,
        where="listed",
    ),
    fault(
        "certificate-ended",
        "a certificate that was told to end has ended",
        "CacheCertificateExpiring",
        "CacheCollectionFailing",
        begin=stack.certificate_ended,
        end=stack.certificates_renewed,
        where="listed",
    ),
    fault(
        "file-cut",
        "the file that names the nodes is cut",
        begin=stack.file_cut,
        end=stack.file_whole,
        fleet=("CacheDiscoveryFailing/files",),
        where="listed",
    ),
    fault(
        "file-gone",
        "the exporter starts without the file that names the nodes",
        "CacheNodeDown",
        begin=stack.file_gone_and_exporter_restarts,
        end=stack.file_whole,
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
