"""Every check of the manifests, shown to fail on a bad one; the manifests as they are pass all of them."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest

from consumer.job.child import PATIENCE_S
from tests.manifests.checks.__main__ import CHECKS, faults_of
from tests.manifests.checks.documents import Platform, read_platform
from tests.manifests.checks.schemas import HAND_BACK_S, check_schemas
from tests.manifests.examples import EXAMPLES, spoil

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def as_they_are() -> Platform:
    return read_platform(ROOT)


def test_the_manifests_as_they_are_have_no_fault(as_they_are: Platform) -> None:
    assert faults_of(as_they_are) == []


def test_every_check_is_shown_to_fail() -> None:
    assert EXAMPLES.keys() == CHECKS.keys()


@pytest.mark.parametrize("check", CHECKS)
def test_bad_manifests_are_named(as_they_are: Platform, check: str) -> None:
    for where, value, fault in EXAMPLES[check]:
        platform = copy.deepcopy(as_they_are)
        spoil(platform, where, value)
        # it looks at each object alone, and takes a tenth of a second for each
        if check == "check_schemas":
            platform.documents[:] = [
                each for each in platform.documents if each not in as_they_are.documents
            ]

        faults = list(CHECKS[check](platform))

        assert any(fault in each for each in faults), f"{where}: {faults}"


def test_what_a_check_cannot_read_is_a_fault(as_they_are: Platform) -> None:
    lacking = [each for each in as_they_are.documents if each.name != "to-mysql"]

    assert faults_of(Platform(ROOT, lacking)) == [
        "check_arrows: the manifests lack what it reads: KeyError: 'to-mysql'"
    ]


def test_the_section_storage_knows_how_large_mysqls_volume_is(as_they_are: Platform) -> None:
    (claim,) = as_they_are.one("StatefulSet", "mysql").spec["volumeClaimTemplates"]
    settings = as_they_are.one("ConfigMap", "stock-backtest-config").body["data"]

    assert claim["spec"]["resources"]["requests"]["storage"] == f"{settings['DATABASE_GIB']}Gi"


def test_the_schema_takes_two_lists_and_their_sum(as_they_are: Platform) -> None:
    platform = copy.deepcopy(as_they_are)
    spec: Any = platform.one("ScaledJob", "backtest").spec
    spec["triggers"] = [spec["triggers"][0], copy.deepcopy(spec["triggers"][0])]
    spec["scalingStrategy"]["multipleScalersCalculation"] = "sum"

    assert list(check_schemas(platform)) == []


def test_the_time_to_hand_a_run_back_is_the_consumers() -> None:
    assert HAND_BACK_S == PATIENCE_S


def test_manifests_of_every_folder_are_read_but_filled_secrets(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "k8s/secret", tmp_path / "k8s/secret")
    (tmp_path / "k8s/secret/secret.yaml").write_text("not: [yaml")
    (tmp_path / "k8s/extra").mkdir()
    (tmp_path / "k8s/extra/pod.yml").write_text("kind: Pod\n")

    files = [each.file for each in read_platform(tmp_path).documents]

    assert files == ["k8s/extra/pod.yml", "k8s/secret/secret.example.yaml"]


def test_a_key_that_appears_twice_is_named(tmp_path: Path) -> None:
    (tmp_path / "keda").mkdir()
    (tmp_path / "keda/scaledjob.yaml").write_text(
        "spec:\n  maxReplicaCount: 1\n  maxReplicaCount: 9\n"
    )

    with pytest.raises(
        ValueError, match=r'(?s)keda/scaledjob.yaml: not YAML: .*duplicate key "maxReplicaCount"'
    ):
        read_platform(tmp_path)
