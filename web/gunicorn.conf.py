"""gunicorn's settings; `gunicorn 'web:create_app()' --config web/gunicorn.conf.py`."""

import os

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '5000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = 8  # as many as web.platform.POOL_SIZE, so that no thread waits for a connection
timeout = 60
graceful_timeout = 25  # below the pod's grace period
keepalive = 75  # longer than an ingress keeps its side open, so that it never writes into a closing connection
accesslog = None  # one line per request would drown the lines about runs
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # a heartbeat on disk would stall with the disk  # noqa: PTH112
control_socket_disable = True
