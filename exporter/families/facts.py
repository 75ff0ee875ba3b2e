"""What was read of a node beside the fields of INFO: frozen, one record per tier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.families.readings import LatencyHistograms, Master, Slowlog


@dataclass(frozen=True, slots=True)
class Collection:
    """How the last collection of a node, or of a part, ended. `error` is empty when it was answered; `took` in seconds."""

    took: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class Extra:
    """What each interval brings. `wall` is Unix seconds of the reading; `unmapped` are (section, field, number).

    `commandstats` is the text of that section of INFO.
    """

    parts: Mapping[str, Collection] = field(default_factory=dict)
    commandstats: str = ""
    cluster: Mapping[str, str] = field(default_factory=dict)
    unmapped: tuple[tuple[str, str, str], ...] = ()
    wall: float | None = None


@dataclass(frozen=True, slots=True)
class Detail:
    """What each detail interval brings; a part that could not be read is empty. `at` is monotonic seconds.

    `latencystats` and `commandstats` are the texts of those sections of INFO, of the same moment; `histograms` the
    buckets of each command's time.
    """

    at: float
    parts: Mapping[str, Collection] = field(default_factory=dict)
    latencystats: str = ""
    commandstats: str = ""
    histograms: LatencyHistograms = field(default_factory=LatencyHistograms)
    config: Mapping[str, str] = field(default_factory=dict)
    slowlog: Slowlog | None = None
    spikes: tuple[tuple[str, str, str], ...] = ()
    masters: tuple[Master, ...] = ()
