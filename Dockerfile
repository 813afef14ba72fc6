# One image for every role: web, Job, reconciler, scaler and schema differ by their command only.
# The base by its digest, since a tag moves; dependabot proposes newer ones.
FROM python:3.11-slim@sha256:90744cff8f32887f075c47d747a173ff333e9e98801667af93c357fa9f5e28ff AS base

FROM base AS build
# Without pip in the environment, since nothing is installed at run time.
RUN python -m venv --without-pip /opt/venv
COPY requirements.txt /build/
# Hashes for every package, wheels only: nothing is compiled, and nothing outside the list gets in. Then delete what
# no role reads: tests, types, headers, all of Bootstrap but one sheet, and what matplotlib has for PDF and PostScript.
RUN pip --python /opt/venv/bin/python install --no-cache-dir --no-compile --require-hashes --no-deps \
        --only-binary :all: -r /build/requirements.txt \
    && find /opt/venv -type f \( -path '*/tests/*' -o -path '*/include/*' -o -name '*.pyi' \
        -o -path '*/numpy/f2py/*' -o -path '*/numpy/distutils/*' -o -path '*/sqlalchemy/testing/*' \
        -o -path '*/flask_bootstrap/*' ! -path '*/bootstrap5/css/bootstrap.min.css' \
        -o -path '*/mpl-data/sample_data/*' -o -path '*/fonts/afm/*' -o -path '*/fonts/pdfcorefonts/*' \
        -o -path '*/fontTools/*' ! -path '*/fontTools/*.py' -o -path '*/fontTools/*/*' ! -path '*/fontTools/misc/*.py' \) -delete
# Matplotlib's list of fonts, baked in next to the fonts: each Job that draws charts would otherwise scan them for 230 ms.
RUN fonts=$(/opt/venv/bin/python -B -c "import matplotlib; print(matplotlib.get_data_path())") \
    && MPLCONFIGDIR=$fonts /opt/venv/bin/python -B -c "import matplotlib.pyplot" \
    && ls "$fonts"/fontlist-*.json
COPY . /app
# Bytecode for everything, since the root file system is read-only and each Job is a cold start. The sources never
# change inside an image, so Python need not compare their times.
RUN rm -rf /app/docs && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib /app

# The documentation, which web serves at /docs/. `make lint` checks its links, where all targets exist.
FROM base AS docs
COPY requirements-docs.txt /build/
RUN python -m venv --without-pip /opt/docs && pip --python /opt/docs/bin/python install --no-cache-dir --require-hashes \
        --no-deps --only-binary :all: -r /build/requirements-docs.txt
WORKDIR /app
COPY . .
RUN /opt/docs/bin/python -m mkdocs build --no-strict

FROM base
# PYTHONDONTWRITEBYTECODE: a read-only file system would refuse it anyway. MPLCONFIGDIR: the one place that may be
# written to. WEB_HOST: nothing outside a container reaches its loopback. OPENBLAS_NUM_THREADS: numpy's import takes 109 ms of CPU instead of 365.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    OPENBLAS_NUM_THREADS=1 \
    WEB_HOST=0.0.0.0
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
COPY --from=docs /app/web/site /app/web/site
# A number, since Kubernetes cannot verify that a name is not root.
USER 10001:10001
EXPOSE 5000
# For web, the default command; other roles switch it off (Kubernetes ignores it and uses its own probes).
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:5000/health', timeout=4)"]
CMD ["python", "-m", "gunicorn", "--config", "web/gunicorn.conf.py", "web:create_app()"]
# Last, so that a new tag leaves every layer above as it is. Each result names the image that computed it.
ARG IMAGE_TAG=dev
ARG SOURCE_URL=https://github.com/owner/stock-backtest
ENV IMAGE_TAG=$IMAGE_TAG
LABEL org.opencontainers.image.title="stock-backtest" \
      org.opencontainers.image.source=$SOURCE_URL \
      org.opencontainers.image.revision=$IMAGE_TAG \
      org.opencontainers.image.licenses="MIT"
