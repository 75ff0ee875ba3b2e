"""The demo's screen: an observation in, a rich table or plain lines out. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from policy.model import Policy
from policy.units import seconds
from sandbox.observe import Alert, NodeRow, Observation

_NOTHING = "-"
_PROMISE = Policy().thresholds  # the demo shortens durations only


@dataclass(frozen=True)
class Scene:
    """Everything on the screen. `faults` are the active ones, `ended` the parts that died unasked, `left` seconds or None.

    `trouble` is what the demo itself could not do.
    """

    seen: Observation
    urls: Mapping[str, str]
    faults: tuple[str, ...]
    ended: tuple[str, ...]
    directory: str
    left: float | None = None
    trouble: str = ""


def render(scene: Scene) -> RenderableType:
    """Return what a terminal shows."""
    parts: list[RenderableType] = [_table(scene.seen), Text(), *_alert_texts(scene.seen)]
    if warning := _warning(scene):
        parts.append(Text(warning, style="bold red"))
    # What to type stands before what is always the same: a terminal of 24 lines shows no more.
    parts += [Text(_fault_line(scene)), Text(_help_line(scene), style="dim"), Text()]
    parts += [Text(f"{name:<13}{url}") for name, url in scene.urls.items()]
    return Group(*parts)


def lines(scene: Scene) -> str:
    """Return one snapshot as plain text, for a log or a pipe."""
    rows = [
        f"{row.instance} {row.role or _NOTHING} of {row.shard or _NOTHING}: {_up(row)}, hit rate {_percent(row.hit_rate)}, "
        f"p95 {_latency(row.p95)}, memory {_percent(row.memory)}, pages {row.pages}"
        for row in scene.seen.nodes
    ]
    rest = [_sent_line(scene.seen), _alert_line(scene.seen), _fault_line(scene)]
    return "\n".join([*rows, *rest, *filter(None, [_warning(scene)])])


def _table(seen: Observation) -> Table:
    table = Table(title=_sent_line(seen), title_justify="left")
    table.add_column("node", no_wrap=True, min_width=15)  # its port tells it from the others
    for heading in ("shard", "role", "up"):
        table.add_column(heading)
    for heading in ("hit rate", "p95", "memory", "pages"):
        table.add_column(heading, justify="right")
    for row in seen.nodes:
        table.add_row(
            row.instance,
            row.shard or _NOTHING,
            row.role or _NOTHING,
            Text(_up(row), style={True: "green", False: "bold white on red", None: "yellow"}[row.up]),
            *_measured(row),
            Text(str(row.pages), style="bold" if row.pages else ""),
        )
    return table


def _measured(row: NodeRow) -> tuple[Text, Text, Text]:
    """Hit rate, p95 and memory, coloured by the policy's levels."""
    hit, slow, full = _PROMISE.hit_rate, _PROMISE.latency_p95, _PROMISE.memory
    slow_levels = (float(seconds(slow.warning.above)), float(seconds(slow.critical.above)))
    return (
        Text(
            _percent(row.hit_rate),
            style=_grade(row.hit_rate, -1, (float(hit.warning.below), float(hit.critical.below))),
        ),
        Text(_latency(row.p95), style=_grade(row.p95, 1, slow_levels)),
        Text(
            _percent(row.memory), style=_grade(row.memory, 1, (float(full.warning.above), float(full.critical.above)))
        ),
    )


def _grade(value: float | None, worse: int, levels: tuple[float, float]) -> str:
    """The colour of a value; `worse` is 1 where high is bad and -1 where low is."""
    if value is None:
        return "dim"
    warning, critical = (value * worse > level * worse for level in levels)
    return "bold red" if critical else "yellow" if warning else "green"


def _up(row: NodeRow) -> str:
    return {True: "up", False: "DOWN", None: "unknown"}[row.up]


def _percent(ratio: float | None) -> str:
    return _NOTHING if ratio is None else f"{ratio:.1%}"


def _latency(duration: float | None) -> str:
    return _NOTHING if duration is None else f"{duration * 1000:.2f} ms"


def _sent_line(seen: Observation) -> str:
    return f"sent so far: {seen.pages} pages to PagerDuty, {seen.messages} messages to Slack"


def _named(alert: Alert) -> str:
    return f"{alert.name}{f' {alert.instance}' if alert.instance else ''} ({alert.severity}, {alert.state})"


def _alert_line(seen: Observation) -> str:
    return f"alerts: {', '.join(map(_named, seen.alerts)) or 'none'}"


def _alert_texts(seen: Observation) -> list[Text]:
    """One line an alert, the firing ones in the colour of their severity."""
    colours = {("critical", "firing"): "bold red", ("warning", "firing"): "bold yellow"}
    lines = [Text(f"alert: {_named(a)}", style=colours.get((a.severity, a.state), "dim")) for a in seen.alerts]
    return lines or [Text("alerts: none", style="green")]


def _fault_line(scene: Scene) -> str:
    return f"faults made: {', '.join(scene.faults) or 'none'}"


def _warning(scene: Scene) -> str:
    ended = [f"{name} ended unasked, see {scene.directory}/run/{name}.log" for name in scene.ended]
    return "; ".join([*ended, *filter(None, [scene.trouble, scene.seen.trouble])])


def shortened_sentence(shortened: Mapping[str, tuple[str, str]]) -> str:
    """Say that durations are shortened, and which."""
    each = ", ".join(f"{key} {default} -> {value}" for key, (default, value) in shortened.items())
    return f"Durations are shortened so that you can watch: {each}. Thresholds are the defaults."


def _help_line(scene: Scene) -> str:
    left = "" if scene.left is None else f" Ends in {scene.left:.0f} s."
    return (
        f"In another terminal: cachewatch demo break node-down --dir {scene.directory}, "
        f"then cachewatch demo heal --dir {scene.directory}. Ctrl-C ends it all.{left}"
    )
