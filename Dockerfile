# The exporter, the notifier and `cachewatch build` in one image.
#
# Tags are exact. To pin the very bytes, write the digest behind the tag, in both stages:
#   docker buildx imagetools inspect python:3.11.13-slim-bookworm --format '{{.Manifest.Digest}}'
#   FROM python:3.11.13-slim-bookworm@sha256:...
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/venv
COPY requirements-build.txt requirements.txt ./
# A package whose hash is not in the lock is refused; so is one that would run code to be built.
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: \
    -r requirements-build.txt -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY policy policy
COPY exporter exporter
COPY alerts alerts
COPY dashboards dashboards
COPY sandbox sandbox
COPY cli cli
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation . \
    && /opt/venv/bin/pip uninstall --yes --quiet setuptools pip

FROM python:3.11.13-slim-bookworm
# A new volume takes owner and mode of the folder it is mounted on: /out is where `cachewatch build` may
# write, /told where the notifier keeps what it told.
RUN groupadd --gid 10001 cachewatch \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin cachewatch \
    && install -d -o cachewatch -g cachewatch /out /told
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /
EXPOSE 9121 9122
HEALTHCHECK --interval=15s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9121/health/liveness', timeout=2)"]
ENTRYPOINT ["cachewatch"]
CMD ["serve", "--listen", "0.0.0.0:9121"]
