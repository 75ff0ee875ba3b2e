"""Mutants that no test can tell from the rule, or that no user would, each with the reason. A stale entry is an error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.mutation.mutants import Mutant


@dataclass(frozen=True, slots=True)
class Known:
    """`pattern` is searched in a mutant's name."""

    pattern: str
    why: str

    def covers(self, mutant: Mutant) -> bool:
        """Whether this is the reason that the mutant lives."""
        return re.search(self.pattern, mutant.name) is not None


_FLOATS = "two rates are equal to within a float's last digit: whether the very threshold counts is chance"
_EDGE = "samples and evaluations come together there, and Prometheus 2 and 3 differ about a sample on the very edge"
_BETWEEN = "it lies between two counts, and an increase is extrapolated by less than what is left to either"
KNOWN: tuple[Known, ...] = (
    Known(r"HitRate: .*ratio_judged:rate\{.*\}.* \[< -> <=\]", _FLOATS),
    Known(r"hit_ratio_judged:rate: .*requests:rate\{.*\}.* \[>= -> >\]", _FLOATS),
    Known(r"^(hit_rate|latency|memory): .*\[\[5m -> (4m45s|5m15s)\]\]\) [<>]", _EDGE),
    Known(r"^latency: .* \[< -> <=\] 0\.", _FLOATS),
    Known(
        r"^latency: .*_ratio:rate\{.*\}\[\[(2m -> (1m45s|2m15s)|3m -> (2m45s|3m15s)|5m -> (4m45s|5m15s)|10m -> (9m45s|10m15s))\]",
        _EDGE,
    ),
    Known(r"memory_used:ratio: .*> \[0 -> 1\]\)", "nobody has a limit of one byte"),
    Known(r"CacheClientsNearLimit: .*> \[0 -> 1\]\)", "nobody allows one connection"),
    Known(r"CacheEvictions: .* \[> -> >=\] 100", _FLOATS),
    Known(r"CacheAccessDenied: .* \[> -> >=\] 1\b", _FLOATS),
    Known(r"CacheMainThreadBusy: .* \[> -> >=\] 0\.9", _FLOATS),
    Known(
        r"CacheNodeDown: .*\[\[2m -> .*\]\]\) == 1",
        "how far back a last good verdict is looked for: it is found within",
    ),
    Known(
        r"CacheNodeDown: .*\[\[1m -> .*\]\]\) > 22",
        "of thirty words in it 23 are wanted: one more or less to choose from is none",
    ),
    Known(
        r"CacheNodesDiffer: .*shard!=\[\"\" -> ",
        "most and least must both be there: what one of them lets in alone has no other",
    ),
    Known(
        r'CacheReplicationLag: .*slave_state="online"\}\[\[1m30s -> 1m45s\]',
        "a primary tells of its replica and of itself in one INFO: with its own word the other counts no more",
    ),
    Known(
        r"CacheReplicasFlapping: .*\[\[30m -> (29m45s|30m15s)\]\]\) - min_over_time",
        "the newest count is well within either",
    ),
    Known(
        r"CacheReplicasFlapping: .*slaves\{.*\}\[\[30m -> 30m15s\]",
        "the copies that they had a part in are forgotten before them",
    ),
    Known(r"CacheProberDown: .*(\[> -> >=\] 2\.5|\[2\.5 -> 2\.4\])", _BETWEEN),
    Known(r"CacheNotificationsFailing: .*\[1\.5 -> 1\.4\]", _BETWEEN),
    Known(r"CacheNotificationsFailing: .* \[> -> >=\] 1", _FLOATS),
    Known(
        r"^stack: .*\[\[(1m -> 45s|3m -> 2m45s|5m -> 4m45s|11m -> 10m45s|1m30s -> 1m15s)\]",
        _EDGE,
    ),
)


def unexplained(survivors: Iterable[Mutant]) -> list[Mutant]:
    """The survivors for which there is no reason."""
    return [mutant for mutant in survivors if not any(known.covers(mutant) for known in KNOWN)]


def stale(survivors: Sequence[Mutant]) -> list[Known]:
    """The reasons for which there is no survivor."""
    return [known for known in KNOWN if not any(known.covers(mutant) for mutant in survivors)]
