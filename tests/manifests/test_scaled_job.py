"""The ScaledJob as the local scaler reads it."""

from pathlib import Path

from adapters.settings import Settings
from consumer.scaling import read_scaled_job

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = ROOT / "keda/scaledjob.yaml"


def test_the_local_scaler_watches_the_list_of_the_default_queue() -> None:
    assert read_scaled_job(MANIFEST).list_name == f"rq:queue:{Settings().queue_name}"


def test_the_cluster_s_redis_user_is_not_a_local_process_s_user() -> None:
    environment = read_scaled_job(MANIFEST).environment

    assert "OPENBLAS_NUM_THREADS" in environment
    assert "REDIS_USERNAME" not in environment
