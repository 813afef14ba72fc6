"""Every check of the manifests, shown to fail on a bad one; the manifests as they stand pass all of them."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import pytest

from consumer.settlement import PATIENCE_S
from scripts.manifests.checks import CHECKS, faults_of
from scripts.manifests.documents import Platform, read_platform
from scripts.manifests.scaling import HAND_BACK_S
from tests.manifests.bad_manifests import BAD
from tests.manifests.changes import Change

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def as_they_stand() -> Platform:
    return read_platform(ROOT)


def test_the_manifests_as_they_stand_have_no_fault(as_they_stand: Platform) -> None:
    assert faults_of(as_they_stand) == []


def test_the_time_to_hand_a_run_back_is_the_consumers() -> None:
    assert HAND_BACK_S == PATIENCE_S


@pytest.mark.parametrize(
    ("check", "change", "fault"),
    [pytest.param(check, change, fault, id=f"{check}: {fault}") for check, bad in BAD.items() for change, fault in bad],
)
def test_a_bad_manifest_is_named(as_they_stand: Platform, check: str, change: Change, fault: str) -> None:
    platform = copy.deepcopy(as_they_stand)

    change(platform)

    found = list(next(each for each in CHECKS if each.__name__ == check)(platform))
    assert any(fault in each for each in found), found


def test_an_unpinned_action_is_named(tmp_path: Path) -> None:
    workflow = tmp_path / ".github/workflows/ci.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text("    - uses: actions/checkout@v4\n")

    found = faults_of(Platform(tmp_path, []))

    assert any("ci.yml:1: actions/checkout@v4: expected owner/action@<40 hex>" in each for each in found), found


def test_a_manifest_in_an_unchecked_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "k8s/extra").mkdir(parents=True)
    (tmp_path / "k8s/extra/pod.yaml").write_text("kind: Pod\n")

    found = faults_of(Platform(tmp_path, []))

    assert any(each.startswith("k8s/extra/pod.yaml: manifests are") for each in found), found


def test_a_filled_secret_beside_the_template_is_nobody_s_business(tmp_path: Path) -> None:
    for folder in ("k8s", "keda"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "k8s/secret/secret.yaml").write_text("not: [yaml")

    platform = read_platform(tmp_path)

    assert not [each for each in platform.documents if each.file == "k8s/secret/secret.yaml"]


def test_a_key_that_stands_twice_is_named(tmp_path: Path) -> None:
    (tmp_path / "keda").mkdir()
    (tmp_path / "keda/scaledjob.yaml").write_text(
        "kind: ScaledJob\nspec:\n  maxReplicaCount: 1\n  maxReplicaCount: 9\n"
    )

    with pytest.raises(ValueError, match=r"(?s)keda/scaledjob.yaml: not YAML: .*maxReplicaCount.* stands twice"):
        read_platform(tmp_path)


def test_every_check_is_shown_to_fail() -> None:
    elsewhere = {"check_workflows", "check_folders"}

    assert set(BAD) | elsewhere == {check.__name__ for check in CHECKS}
