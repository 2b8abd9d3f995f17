"""How many cores a process may use: those that it may run on, and the time that its container has."""

import math

import pytest

from attnclf import machine as module
from attnclf.machine import cores, quota


@pytest.fixture
def machine(tmp_path):
    """Return what writes the files of control groups and reads the quota from them."""

    def machine(own, files):
        (tmp_path / "own").write_text(own)
        for name, content in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return quota(tmp_path / "cgroup", tmp_path / "own")

    return machine


@pytest.mark.parametrize(
    ("own", "files", "granted"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, math.inf),
        ("0::/\n", {}, math.inf),
        # The group that the process is in, and those above it.
        ("0::/pod/app\n", {"pod/app/cpu.max": "50000 100000", "pod/cpu.max": "400000 100000"}, 0.5),
        ("0::/pod/app\n", {"pod/app/cpu.max": "max 100000", "pod/cpu.max": "200000 100000"}, 2.0),
        # A container that sees its own group as the root, though it is told the name outside.
        ("0::/docker/abc\n", {"cpu.max": "300000 100000"}, 3.0),
        ("0::/../other\n", {"cpu.max": "100000 100000"}, 1.0),
        # Version 1, alone and beside an empty group of version 2.
        (
            "4:cpu,cpuacct:/\n0::/\n",
            {"cpu,cpuacct/cpu.cfs_quota_us": "250000", "cpu,cpuacct/cpu.cfs_period_us": "100000"},
            2.5,
        ),
        ("4:cpuacct,cpu:/a\n", {"cpu/a/cpu.cfs_quota_us": "50000", "cpu/a/cpu.cfs_period_us": "100000"}, 0.5),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, math.inf),
        ("4:memory:/\n", {"memory/cpu.cfs_quota_us": "1", "memory/cpu.cfs_period_us": "100000"}, math.inf),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "many", "cpu/cpu.cfs_period_us": "0"}, math.inf),
    ],
)  # fmt: skip
def test_the_tightest_limit_of_the_control_groups_counts(machine, own, files, granted):
    assert machine(own, files) == granted


def test_without_control_groups_there_is_no_limit(tmp_path):
    assert quota(tmp_path / "none", tmp_path / "nothing") == math.inf


@pytest.mark.parametrize(("granted", "used"), [(math.inf, 4), (8.0, 4), (2.5, 3), (1.0, 1), (0.2, 1)])
def test_a_part_of_a_core_is_a_core(monkeypatch, granted, used):
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda process: set(range(4)), raising=False)
    monkeypatch.setattr(module, "quota", lambda: granted)
    assert cores() == used
