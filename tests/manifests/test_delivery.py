"""Promotion and the first Secret: what the two scripts write."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from adapters.access import digest_of
from scripts.fill_secret import TEMPLATE, fill
from scripts.set_image import set_image
from tests.manifests.checks.__main__ import faults_of, main
from tests.manifests.checks.documents import read_platform

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "ghcr.io/somebody/stock-backtest:0123456789ab"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of everything that the checks read."""
    for folder in ("k8s", "keda", "web", ".github"):
        shutil.copytree(ROOT / folder, tmp_path / folder, symlinks=True)
    for file in ("Dockerfile", "docker-compose.yml"):
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def test_promotion_changes_every_manifest_that_names_the_image(checkout: Path) -> None:
    changed = set_image(checkout, IMAGE)

    assert changed == [
        "k8s/reconciler.yaml",
        "k8s/schema/job.yaml",
        "k8s/web.yaml",
        "keda/base/scaledjob.yaml",
    ]
    assert {each.container["image"] for each in read_platform(checkout).ours} == {IMAGE}
    assert faults_of(read_platform(checkout)) == []


def test_the_command_says_each_fault_on_a_line_and_ends_with_1(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = checkout / "keda/base/scaledjob.yaml"
    manifest.write_text(manifest.read_text().replace("backoffLimit: 0", "backoffLimit: 6"))

    exit_code = main(checkout)

    assert exit_code == 1
    assert capsys.readouterr().err == (
        "keda/base/scaledjob.yaml: ScaledJob/backtest: $.spec.jobTargetRef.backoffLimit: 0 was expected\n"
    )


def test_the_command_names_a_file_that_is_not_yaml(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "k8s/web.yaml").write_text("kind: [Deployment")

    assert main(checkout) == 1
    assert capsys.readouterr().err.startswith("k8s/web.yaml: not YAML:")


def test_promotion_to_the_image_that_runs_already_changes_nothing(checkout: Path) -> None:
    set_image(checkout, IMAGE)

    assert set_image(checkout, IMAGE) == []


@pytest.mark.parametrize(
    "image",
    [
        "ghcr.io/somebody/stock-backtest:latest",
        "stock-backtest:0123456",
        "ghcr.io/Somebody/stock-backtest:0123456",
    ],
)
def test_a_tag_that_may_move_is_refused(checkout: Path, image: str) -> None:
    with pytest.raises(ValueError, match="git commit, 7 to 40 hex digits"):
        set_image(checkout, image)


def test_the_filled_secret_has_a_value_of_its_own_for_every_key() -> None:
    template = yaml.safe_load(TEMPLATE.read_text())["stringData"]

    values = yaml.safe_load(fill(TEMPLATE.read_text(), "test"))["stringData"]

    assert values.keys() == template.keys()
    assert values.pop("api-tokens") == f"admin:sha256:{digest_of('test')}"
    assert len(set(values.values())) == len(values)
    assert all(len(value) == 48 for value in values.values())


def test_the_secret_s_script_prints_what_kubectl_takes() -> None:
    printed = subprocess.run(
        [sys.executable, "scripts/fill_secret.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    token = printed.stderr.split()[-1]
    assert (
        yaml.safe_load(printed.stdout)["stringData"]["api-tokens"]
        == f"admin:sha256:{digest_of(token)}"
    )
    assert token not in printed.stdout
