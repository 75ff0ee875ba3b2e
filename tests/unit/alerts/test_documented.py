"""The documentation's list of alerts is the policy's."""

import re
from pathlib import Path

from policy.alerts import ALERTS

TEXT = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text(encoding="utf-8")


def test_the_documentation_lists_every_alert_with_its_severity_and_no_other() -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:]] for line in TEXT.splitlines() if line.startswith("| `Cache")]
    listed: dict[str, str] = {}
    for row in rows:
        names = re.findall(r"`(Cache\w+)`", row[0])
        listed.update(zip(names, row[2].split(", "), strict=True))
    assert listed == {spec.name: spec.severity for spec in ALERTS}
