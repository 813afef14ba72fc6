"""Are the manifests what the API server and KEDA accept? Unknown fields are faults, since a typo is one of them."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import kubernetes_validate

from scripts.manifests.documents import Document, Platform

KUBERNETES_VERSIONS = ("1.32", "1.36")  # the oldest that the manifests are meant for, and the one they were run on

_METADATA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "namespace"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", "maxLength": 63},
        "namespace": {"type": "string"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


def _object(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


def _custom(api_version: str, spec: dict[str, Any]) -> dict[str, Any]:
    return _object(
        ("apiVersion", "kind", "metadata", "spec"),
        apiVersion={"const": api_version},
        kind={"type": "string"},
        metadata=_METADATA,
        spec=spec,
    )


_COUNT = {"type": "integer", "minimum": 0}
_DIGITS = {"type": "string", "pattern": "^[0-9]+$"}  # trigger metadata are strings, or KEDA refuses the object
_NAME = {"type": "string", "minLength": 1}

# KEDA 2.20's redis trigger, as far as it is used here: no host/port pair, no TLS, no password in the open.
_REDIS_TRIGGER = _object(
    ("type", "metadata", "authenticationRef"),
    type={"const": "redis"},
    metadata=_object(
        ("address", "listName", "listLength"),
        address={"type": "string", "pattern": "^[a-z0-9.-]+:[0-9]+$"},
        listName=_NAME,
        listLength=_DIGITS,
        databaseIndex=_DIGITS,
        username=_NAME,
    ),
    authenticationRef=_object(("name",), name=_NAME),
)

_SCALED_JOB = _custom(
    "keda.sh/v1alpha1",
    _object(
        ("jobTargetRef", "triggers", "maxReplicaCount", "pollingInterval", "scalingStrategy", "rollout"),
        jobTargetRef={"type": "object"},  # checked as the spec of a Job
        pollingInterval={"type": "integer", "minimum": 1},
        minReplicaCount=_COUNT,
        maxReplicaCount={"type": "integer", "minimum": 1},
        successfulJobsHistoryLimit=_COUNT,
        failedJobsHistoryLimit=_COUNT,
        rollout=_object(("strategy",), strategy={"enum": ["default", "gradual"]}),
        scalingStrategy=_object(
            ("strategy",),
            strategy={"enum": ["default", "custom", "accurate", "eager"]},
            multipleScalersCalculation={"enum": ["max", "min", "avg", "sum"]},
            pendingPodConditions={"type": "array", "items": {"enum": ["Ready", "PodScheduled", "Initialized"]}},
        ),
        triggers={"type": "array", "minItems": 1, "items": _REDIS_TRIGGER},
    ),
)

_TRIGGER_AUTHENTICATION = _custom(
    "keda.sh/v1alpha1",
    _object(
        ("secretTargetRef",),
        secretTargetRef={
            "type": "array",
            "minItems": 1,
            "items": _object(
                ("parameter", "name", "key"), parameter={"enum": ["username", "password"]}, name=_NAME, key=_NAME
            ),
        },
    ),
)

_SOURCE = _object(
    ("repoURL", "targetRevision", "path"),
    repoURL=_NAME,
    targetRevision=_NAME,
    path=_NAME,
    directory=_object(("recurse",), recurse={"const": False}),
)

_APPLICATION = _custom(
    "argoproj.io/v1alpha1",
    _object(
        ("project", "destination", "sources", "syncPolicy"),
        project=_NAME,
        destination=_object(("server", "namespace"), server=_NAME, namespace=_NAME),
        sources={"type": "array", "minItems": 2, "items": _SOURCE},
        syncPolicy={"type": "object"},
    ),
)

_SERVICE_MONITOR = _custom("monitoring.coreos.com/v1", {"type": "object", "required": ["selector", "endpoints"]})
_PROMETHEUS_RULE = _custom("monitoring.coreos.com/v1", {"type": "object", "required": ["groups"]})

CUSTOM_SCHEMAS = {
    "ScaledJob": _SCALED_JOB,
    "TriggerAuthentication": _TRIGGER_AUTHENTICATION,
    "Application": _APPLICATION,
    "ServiceMonitor": _SERVICE_MONITOR,
    "PrometheusRule": _PROMETHEUS_RULE,
}


def check_schemas(platform: Platform) -> Iterator[str]:
    """Each fault that an object has against the schema of its kind."""
    for document in platform.documents:
        if document.kind in CUSTOM_SCHEMAS:
            yield from _custom_faults(document)
        else:
            yield from _kubernetes_faults(document, document.body)
        if document.kind == "ScaledJob":
            yield from _kubernetes_faults(document, _job_of(document))


def _custom_faults(document: Document) -> Iterator[str]:
    validator = jsonschema.Draft202012Validator(CUSTOM_SCHEMAS[document.kind])
    for error in validator.iter_errors(document.body):
        yield document.fault(f"{error.json_path}: {error.message}")


def _job_of(document: Document) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": document.name},
        "spec": document.spec.get("jobTargetRef"),
    }


def _kubernetes_faults(document: Document, body: dict[str, Any]) -> Iterator[str]:
    for version in KUBERNETES_VERSIONS:
        try:
            kubernetes_validate.validate(body, version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            path = ".".join(str(part) for part in getattr(error, "path", ()))
            yield document.fault(f"Kubernetes {version}: {path}: {error.message}")
