"""Alerts and recording rules as Prometheus reads them: their syntax, when they fire, and that each has its runbook."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.manifests.checks.documents import read_platform
from tests.services.waiting import service_missing

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def groups() -> list[dict[str, Any]]:
    return list(read_platform(ROOT).one("PrometheusRule", "stock-backtest").spec["groups"])


@pytest.fixture
def rules_file(groups: list[dict[str, Any]], tmp_path: Path) -> Path:
    """The rules as a file of Prometheus' own, of which JSON is a form."""
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": groups}))
    return path


def promtool(*arguments: str) -> str:
    """Run promtool and return its output; skip the test where it is not installed."""
    path = shutil.which("promtool") or service_missing(
        "promtool is not installed; sh scripts/install_test_services.sh"
    )
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_the_rules(rules_file: Path, groups: list[dict[str, Any]]) -> None:
    output = promtool("check", "rules", "--lint=all", "--lint-fatal", str(rules_file))

    assert f"SUCCESS: {sum(len(group['rules']) for group in groups)} rules found" in output


def series(name: str, values: str) -> dict[str, str]:
    return {"series": name, "values": values}


def volume(available: str, capacity: str) -> list[dict[str, str]]:
    """MySQL's, as the kubelet reports it."""
    labels = "{namespace='stock-backtest',persistentvolumeclaim='data-mysql-0'}"
    values = {"available": available, "capacity": capacity}
    return [
        series(f"kubelet_volume_stats_{what}_bytes{labels}", each)
        for what, each in values.items()
    ]


KEDA_ERRORS = (
    "keda_scaler_detail_errors_total"
    "{namespace='stock-backtest',scaledObject='backtest',triggerIndex='0'}"
)
KEDA_LOOP = "{namespace='stock-backtest',type='scaledjob',resource='backtest'}"
HEALTHY = (
    series(KEDA_ERRORS, "3x120"),
    series(f"keda_internal_scale_loop_latency_seconds{KEDA_LOOP}", "0.01x120"),
    series("keda_build_info{version='2.20.2'}", "1x120"),
    series("backtest_runs{status='pending',pod='a'}", "0x120"),
    series("backtest_runs{status='running',pod='a'}", "1x120"),
    series("backtest_queue_depth{queue='backtests',pod='a'}", "0x120"),
    series("backtest_age_seconds{of='reconciler',pod='a'}", "0x120"),
    series("backtest_age_seconds{of='oldest_waiting',pod='a'}", "0x120"),
    series("backtest_http_seconds_count{status='200',pod='a'}", "0+1000x120"),
    series(
        "backtest_transitions_total{from='running',to='succeeded',cause='',pod='a'}", "0+100x120"
    ),
    series("backtest_queue_wait_seconds_bucket{le='300.0',pod='a'}", "0+100x120"),
    series("backtest_queue_wait_seconds_count{pod='a'}", "0+100x120"),
    series("backtest_database_bytes{kind='runs',pod='a'}", "1000000x120"),
)
FAULTS = {
    "BacktestsAreNotStarted": [
        series("backtest_queue_depth{queue='backtests',pod='a'}", "3x120"),
        series("backtest_runs{status='running',pod='a'}", "0x120"),
    ],
    "KedaCannotReadQueue": [series(KEDA_ERRORS, "0+60x120")],
    "KedaPollsLate": [series(f"keda_internal_scale_loop_latency_seconds{KEDA_LOOP}", "8x120")],
    "KedaIsTooOld": [series("keda_build_info{version='2.18.3'}", "1x120")],
    "QueueIsUnknown": [
        series("backtest_queue_depth{queue='backtests',pod='a'}", "_x120"),
        series("backtest_runs{status='pending',pod='a'}", "2x120"),
    ],
    "BacktestsWaitLong": [
        series("backtest_queue_wait_seconds_bucket{le='300.0',pod='a'}", "0+90x120")
    ],
    "ManyBacktestsFail": [
        series(
            "backtest_transitions_total{from='running',to='failed',cause='timeout',pod='a'}",
            "0+50x120",
        )
    ],
    "WorkersAreLost": [
        series(
            "backtest_transitions_total{from='running',to='pending',cause='lost',pod='a'}",
            "0+2x120",
        )
    ],
    "ReconcilerIsSilent": [series("backtest_age_seconds{of='reconciler',pod='a'}", "0+60x120")],
    "WebFails": [series("backtest_http_seconds_count{status='503',pod='b'}", "0+20x120")],
    "ManyLoginsRefused": [
        series(
            "backtest_http_seconds_count{route='/login',method='POST',status='401',pod='a'}",
            "0+10x120",
        )
    ],
    "DatabaseVolumeFills": volume("500x120", "5000x120"),
    "BackupIsOld": [
        series(
            "kube_cronjob_status_last_successful_time{namespace='stock-backtest',cronjob='backup'}",
            "-130000x120",
        )
    ],
    "DataGrowsFast": [series("backtest_database_bytes{kind='charts',pod='a'}", "0+50000000x120")],
    "WebIsDown": [
        series(f"backtest_runs{{status='{status}',pod='a'}}", "_x120")
        for status in ("pending", "running")
    ],
}


def test_a_volume_alerts_weeks_before_it_is_full(rules_file: Path) -> None:
    firing = 'count(ALERTS{alertname="DatabaseVolumeFills",alertstate="firing"}) or vector(0)'
    cases = [
        {
            "interval": "5m",  # two days, in which 10 of 800 GB are taken each day
            "input_series": volume(f"{days_left * 10 + 20}-{10 / 288}x576", "800x576"),
            "promql_expr_test": [
                {
                    "expr": firing,
                    "eval_time": "2d",
                    "exp_samples": [{"labels": "{}", "value": int(days_left < 21)}],
                }
            ],
        }
        for days_left in (18, 60)
    ]
    path = rules_file.with_name("weeks.yml")
    path.write_text(
        json.dumps({"rule_files": [str(rules_file)], "evaluation_interval": "5m", "tests": cases})
    )

    promtool("test", "rules", str(path))


def case(fault: str, changed: list[dict[str, str]], severities: dict[str, str]) -> dict[str, Any]:
    """Two hours in which everything is well but for one fault, and the only alert that fires then."""
    named = {each["series"] for each in changed}
    labels = f'{{alertname="{fault}",severity="{severities.get(fault)}"}}'
    expected = [{"labels": labels, "value": 1}] if fault in severities else []
    firing = 'count by (alertname, severity) (ALERTS{alertstate="firing"})'
    return {
        "interval": "1m",
        "input_series": [*changed, *(each for each in HEALTHY if each["series"] not in named)],
        "promql_expr_test": [{"expr": firing, "eval_time": "119m", "exp_samples": expected}],
    }


def test_each_alert_fires_at_its_fault_and_at_no_other(
    rules_file: Path, groups: list[dict[str, Any]]
) -> None:
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    severities = {rule["alert"]: rule["labels"]["severity"] for rule in alerts}
    cases = [
        case(fault, changed, severities) for fault, changed in {"nothing": [], **FAULTS}.items()
    ]
    path = rules_file.with_name("tests.yml")
    path.write_text(
        json.dumps({"rule_files": [str(rules_file)], "evaluation_interval": "1m", "tests": cases})
    )

    promtool("test", "rules", str(path))

    assert FAULTS.keys() == severities.keys()


def test_each_alert_leads_to_its_row_in_the_operations_page(groups: list[dict[str, Any]]) -> None:
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", title).lower().replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", page, re.M)
    }
    runbooks = [
        rule["annotations"]["runbook_url"]
        for group in groups
        for rule in group["rules"]
        if "alert" in rule
    ]

    assert [
        url for url in runbooks if url.partition("docs/operations.md#")[2] not in anchors
    ] == []
