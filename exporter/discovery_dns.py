"""Names with several addresses -> a node for each."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.discovery import Found
from exporter.names import Names
from exporter.targets import Target
from policy.fleet import DnsName


async def discover(wanted: tuple[DnsName, ...], names: Names, patience: float) -> Found:
    """Look the names up, waiting `patience` seconds at most; of a name that is not answered the last addresses stay."""
    await names.refresh((entry.name for entry in wanted), patience)
    troubles = []
    for entry in wanted:
        if failure := names.failure(entry.name):
            troubles.append(f"{entry.name} cannot be resolved: {failure}")
        elif not any(_targets(entry, names)):
            troubles.append(f"{entry.name} has no {'' if entry.family == 'any' else f'{entry.family} '}address yet")
    found = {target.instance: target for entry in wanted for target in _targets(entry, names)}
    return Found(found, trouble="; ".join(troubles))


def _targets(entry: DnsName, names: Names) -> Iterator[Target]:
    for address in names.addresses(entry.name):
        if entry.family == "any" or (entry.family == "ipv6") == (":" in address):
            yield Target.at(address, entry.port, entry.shard)
