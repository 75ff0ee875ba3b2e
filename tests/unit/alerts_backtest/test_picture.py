"""The picture is well-formed whatever the names hold, and says in words what it shows."""

from xml.etree import ElementTree as ET

from alerts.backtest.compare import Firing, Told
from alerts.backtest.history import Window
from alerts.backtest.incidents import Incident
from alerts.backtest.picture import GUTTER, RIGHT, WIDTH, svg
from alerts.backtest.simulate import Span
from tests.unit.alerts.policies import HOSTILE
from tests.unit.alerts_backtest.test_compare import RULES

DAY = 86400_000
WINDOW = Window(1_700_000_000_000, 1_700_000_000_000 + DAY)
SVG = "{http://www.w3.org/2000/svg}"


def told(*spans: tuple[int, int], name: str = "CacheNodeDown", severity: str = "critical", fleet: str = "f") -> Told:
    labels = tuple(sorted({"alertname": name, "severity": severity, "fleet": fleet}.items()))
    return Told(RULES, tuple(Firing(labels, Span(WINDOW.start + a, WINDOW.start + b, True)) for a, b in spans))


def drawn(text: str) -> tuple[ET.Element, str]:
    root = ET.fromstring(text)  # noqa: S314  # our own text
    return root, "\n".join(element.text or "" for element in root.iter() if element.tag != f"{SVG}style")


def bars(root: ET.Element, kind: str) -> list[tuple[float, float]]:
    found = (e for e in root.iter(f"{SVG}rect") if e.get("class") == kind)
    return [(float(e.get("x", "")), float(e.get("width", ""))) for e in found]


def test_a_bar_stands_where_and_as_long_as_the_alert_fired() -> None:
    root, words = drawn(svg(told((0, DAY // 2)), told((DAY // 2, DAY)), WINDOW))
    plot = WIDTH - GUTTER - RIGHT
    assert bars(root, "critical current") == [(GUTTER, plot / 2)]
    assert bars(root, "critical candidate") == [(GUTTER + plot / 2, plot / 2)]
    assert "pages per week: current 7.0; candidate 7.0" in words
    assert "current 1" in words
    assert "candidate 1" in words


def test_what_is_short_is_still_seen() -> None:
    root, _ = drawn(svg(told((0, 1000)), None, WINDOW))
    assert bars(root, "critical current") == [(GUTTER, 2.0)]


def test_incidents_and_holes_are_shaded_and_named() -> None:
    incidents = [Incident("i1", WINDOW.start, WINDOW.start + 10), Incident("elsewhen", 0, 1)]
    root, words = drawn(svg(told(), None, WINDOW, incidents, [(WINDOW.start, WINDOW.start + DAY // 4)]))
    assert len(bars(root, "incident")) == 1
    assert len(bars(root, "blind")) == 1
    assert "i1" in words
    assert "elsewhen" not in words
    assert "no data, 2023" in words


def test_silence_is_said_in_words() -> None:
    _, words = drawn(svg(told(), None, WINDOW))
    assert "no alert fired" in words
    assert "never fired: CacheNodeDown" in words


def test_hostile_names_stay_text() -> None:
    nasty = HOSTILE + "\x00\x1b]]>"
    _, words = drawn(svg(told((0, 10), fleet=nasty), None, WINDOW, [Incident(nasty, WINDOW.start, WINDOW.end)]))
    assert HOSTILE in words
