"""gunicorn's settings; `gunicorn 'web:create_app()' --config web/gunicorn.conf.py`."""

import os
import shutil
import tempfile
from pathlib import Path

from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]

from adapters.settings import load_settings

_settings = load_settings()
_shared_memory = Path("/dev/shm")

bind = f"{_settings.web_host}:{_settings.port}"
workers = _settings.web_concurrency
worker_class = "web.front.FrontWorker"
preload_app = True  # all processes sign sessions with the same key, and share the memory of what they import
threads = 8  # as many as web.platform.POOL_SIZE, so that no thread waits for a connection
timeout = 60
graceful_timeout = 25  # seconds; below the pod's grace period
worker_tmp_dir = str(_shared_memory) if _shared_memory.is_dir() else None  # a heartbeat on disk stalls with the disk
control_socket_disable = True

# where all processes of this server count their answers; read by prometheus_client when it is imported
_metrics = tempfile.mkdtemp(prefix="web-metrics-", dir=worker_tmp_dir)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = _metrics


def on_exit(server: Arbiter) -> None:
    """Leave nothing behind."""
    shutil.rmtree(_metrics, ignore_errors=True)
