"""The README's way to a cluster, gone by kubectl itself."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from flask import Flask, Response, jsonify, request

from tests.services.live_web import served
from tests.services.processes import PROJECT_ROOT
from tests.services.waiting import service_missing

CLUSTER_WIDE = {"Namespace"}
README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")


def declared(*folders: str) -> list[dict]:
    """The objects of the manifests in these folders, as kubectl reads them: each file, and no folder within."""
    paths = [
        path for folder in folders for path in sorted((PROJECT_ROOT / folder).glob("*.yaml"))
    ]
    return [
        each
        for path in paths
        for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))
        if each
    ]


def plural(kind: str) -> str:
    return re.sub("y$", "ie", kind.lower()) + ("es" if kind.endswith("s") else "s")


class ApiServer:
    """API server for `kubectl apply`: it has these kinds, and stores all objects that it receives."""

    def __init__(self, kinds: list[dict]) -> None:
        self.kinds = {(each["apiVersion"], each["kind"]) for each in kinds}
        self.kept: dict[str, dict] = {}  # by path, in the order of their arrival
        self.app = Flask(__name__)
        self.app.add_url_rule(
            "/<path:path>", view_func=self.answer, methods=["GET", "POST", "PATCH"]
        )

    def answer(self, path: str) -> Response | tuple[Response, int]:
        if path in ("api", "apis"):
            return jsonify(self.versions() if path == "api" else self.groups())
        version = path.removeprefix("apis/").removeprefix("api/")
        if version in {each for each, _ in self.kinds}:
            return jsonify(self.resources(version))
        if request.method == "POST":
            sent = request.get_json(force=True)
            self.kept[f"{path}/{sent['metadata']['name']}"] = sent
            return jsonify(sent), 201
        if path in self.kept:
            return jsonify(self.kept[path])
        return jsonify(
            kind="Status", apiVersion="v1", status="Failure", reason="NotFound", code=404
        ), 404

    def versions(self) -> dict:
        return {"kind": "APIVersions", "versions": ["v1"]}

    def groups(self) -> dict:
        versions = sorted({version for version, _ in self.kinds if "/" in version})
        named = [{"groupVersion": each, "version": each.partition("/")[2]} for each in versions]
        groups = [
            {
                "name": each["groupVersion"].partition("/")[0],
                "versions": [each],
                "preferredVersion": each,
            }
            for each in named
        ]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}

    def resources(self, version: str) -> dict:
        kinds = sorted(kind for its_version, kind in self.kinds if its_version == version)
        verbs = ["create", "get", "list", "patch"]
        named = [
            {
                "name": plural(kind),
                "singularName": kind.lower(),
                "kind": kind,
                "verbs": verbs,
                "namespaced": kind not in CLUSTER_WIDE,
            }
            for kind in kinds
        ]
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": version,
            "resources": named,
        }


@pytest.fixture
def kubectl(tmp_path: Path) -> dict[str, str]:
    """An environment in which kubectl knows no cluster, and the project's Python is `python`."""
    if not shutil.which("kubectl"):
        service_missing("kubectl is not installed")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "none"), "PATH": path}


def test_the_readme_s_way_to_a_cluster_applies_every_manifest(kubectl: dict[str, str]) -> None:
    [block] = [
        each
        for each in re.findall(r"^```sh\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
        if "kubectl" in each
    ]
    applied = declared("k8s", "k8s/schema", "keda")
    server = ApiServer([*applied, {"apiVersion": "v1", "kind": "Secret"}])

    with served(server.app) as url:
        # the schema that it would validate by is the cluster's own; tests/manifests validates by the projects' schemas
        alias = f'kubectl() {{ command kubectl "$@" --server={url} --validate=false; }}\n'
        done = subprocess.run(
            ["bash", "-e", "-c", alias + block],
            cwd=PROJECT_ROOT,
            env=kubectl,
            capture_output=True,
            text=True,
        )

    assert done.returncode == 0, done.stderr
    kept = [(each["kind"], each["metadata"]["name"]) for each in server.kept.values()]
    assert kept[:2] == [("Namespace", "stock-backtest"), ("Secret", "stock-backtest-secrets")]
    assert sorted(kept) == sorted(
        [*((each["kind"], each["metadata"]["name"]) for each in applied), kept[1]]
    )


def test_the_variant_with_waiting_jobs_is_applied_in_place_of_the_plain_one(
    kubectl: dict[str, str],
) -> None:
    applied = declared("keda")
    server = ApiServer(applied)

    with served(server.app) as url:
        command = ["kubectl", "apply", f"--server={url}", "--validate=false", "-k", "keda/warm"]
        done = subprocess.run(
            command, cwd=PROJECT_ROOT, env=kubectl, capture_output=True, text=True
        )

    assert done.returncode == 0, done.stderr
    kept = {each["kind"]: each["spec"] for each in server.kept.values()}
    plain = {each["kind"]: each["spec"] for each in applied}
    assert kept["TriggerAuthentication"] == plain["TriggerAuthentication"]
    *lists, cron = kept["ScaledJob"].pop("triggers")
    assert lists == plain["ScaledJob"].pop("triggers")
    assert (cron["type"], cron["metadata"]["desiredReplicas"]) == ("cron", "2")
    [container], [warm] = (containers_of(each["ScaledJob"]) for each in (plain, kept))
    assert [each for each in warm["env"] if each not in container["env"]] == [
        {"name": "IDLE_S", "value": "900"}
    ]
    for each in (container, warm):
        del each["env"], each["readinessProbe"]
    assert kept["ScaledJob"] == plain["ScaledJob"]


def containers_of(scaled_job: dict) -> list[dict]:
    return scaled_job["jobTargetRef"]["template"]["spec"]["containers"]
