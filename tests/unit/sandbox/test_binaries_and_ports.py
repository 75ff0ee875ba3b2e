"""A missing program and a taken port are told in words that help."""

import socket
from pathlib import Path

import pytest

from sandbox import binaries, ports


def test_a_missing_program_is_named_with_its_package_and_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(binaries.MissingBinary, match=r"alertmanager or prometheus-alertmanager.*make"):
        binaries.require("alertmanager")


def test_alertmanager_is_found_under_debians_name_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "prometheus-alertmanager"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert binaries.find("alertmanager") == program


def test_ports_are_free_different_and_out_of_reach_of_outgoing_connections() -> None:
    chosen = ports.free_ports(50)
    lowest_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert len(set(chosen)) == 50
    assert max(chosen) < lowest_outgoing


def test_a_port_in_use_is_refused_by_name() -> None:
    with socket.create_server((ports.LOOPBACK, ports.free_port())) as taken:
        port = taken.getsockname()[1]
        assert not ports.is_free(port)
        with pytest.raises(ports.PortInUse, match=rf"Sentinel cannot listen on 127.0.0.1:{port}"):
            ports.require_free(port, "Sentinel")
    assert ports.is_free(port)


def test_programs_that_choose_at_the_same_time_have_ports_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[set[int]] = []
    for number in range(3):
        monkeypatch.setenv(ports.SLICE, f"{number}/3")
        chosen.append(set(ports.free_ports(50)))
    first, second, third = chosen
    assert max(first) < min(second)
    assert max(second) < min(third)
