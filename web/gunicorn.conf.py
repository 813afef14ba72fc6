"""gunicorn's settings; `gunicorn 'web:create_app()' --config web/gunicorn.conf.py`."""

import gc
import os
import shutil
import tempfile
from pathlib import Path

from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]

from adapters.settings import load_settings

gc.disable()  # until everything is imported: collection takes a quarter of the import time

_settings = load_settings()
_shared_memory = Path("/dev/shm")

_host = f"[{_settings.web_host}]" if ":" in _settings.web_host else _settings.web_host
bind = f"{_host}:{_settings.port}"
workers = _settings.web_concurrency
worker_class = "web.server.FrontWorker"
# all processes sign sessions with the same key, and share the memory of imported modules
preload_app = True
timeout = 60
graceful_timeout = 25  # seconds; below the pod's grace period
keepalive = 75  # seconds; web.server.IDLE_S
asgi_loop, asgi_lifespan, http_parser = "asyncio", "off", "python"
secure_scheme_headers: dict[str, str] = {}  # web.server trusts the headers of TRUSTED_PROXY only
# a heartbeat file on disk would stall with the disk
worker_tmp_dir = str(_shared_memory) if _shared_memory.is_dir() else None
control_socket_disable = True

# the folder in which all processes of this server count; prometheus_client reads the variable at import
_metrics = Path(worker_tmp_dir or tempfile.gettempdir(), f"web-metrics-{os.getpid()}")
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics)


def _is_left_behind(folder: Path) -> bool:
    """Return whether the server that created the folder is gone."""
    try:
        os.kill(int(folder.name.rpartition("-")[2]), 0)
    except (ValueError, ProcessLookupError):
        return True
    except PermissionError:  # another user's, and alive
        return False
    return folder == _metrics  # in a pod the first process of each container has the same PID


for _folder in filter(_is_left_behind, _metrics.parent.glob("web-metrics-*")):
    shutil.rmtree(_folder, ignore_errors=True)
_metrics.mkdir(mode=0o700)


def when_ready(server: Arbiter) -> None:
    """Enable collection, except for shared objects: touching them would copy their memory pages."""
    gc.freeze()
    gc.enable()


def on_exit(server: Arbiter) -> None:
    """Delete the folder of counters."""
    shutil.rmtree(_metrics, ignore_errors=True)
