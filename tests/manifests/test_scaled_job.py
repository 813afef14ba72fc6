"""The ScaledJob as the local scaler reads it."""

from pathlib import Path

from adapters.settings import Settings
from consumer.job_processes import read_scaled_job

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = ROOT / "keda/scaledjob.yaml"


def test_the_scaler_watches_the_lists_of_the_default_queues() -> None:
    assert read_scaled_job(MANIFEST).list_names == tuple(
        f"rq:queue:{name}" for name in Settings().queue_names
    )


def test_the_cluster_s_redis_user_is_not_a_local_process_s_user() -> None:
    environment = read_scaled_job(MANIFEST).environment

    assert "OPENBLAS_NUM_THREADS" in environment
    assert "REDIS_USERNAME" not in environment
