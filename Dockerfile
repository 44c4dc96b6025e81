# The page and its interface. Runs as nobody in particular and writes to /tmp alone:
#   docker build -t genrewise .
#   docker run --rm --read-only --tmpfs /tmp -p 127.0.0.1:8000:8000 genrewise
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE NOTICE requirements.lock ./
COPY src src
COPY results results
# Compiled here, as the file system is read-only later; pip itself is not taken along.
RUN python -m venv --without-pip /opt/genrewise \
    && pip --python /opt/genrewise install --no-cache-dir --compile -c requirements.lock ".[web,tags]"
# The larger model's network is fetched once, by what only its conversion needs.
RUN python -m venv /opt/convert \
    && /opt/convert/bin/pip install --no-cache-dir -c requirements.lock ".[backbone]" \
    && GENREWISE_CACHE=/opt/cache /opt/convert/bin/genrewise models get musicnn-gtzan-v1

FROM python:3.12-slim
COPY --from=build /opt/genrewise /opt/genrewise
COPY --from=build /opt/cache /opt/cache
ENV PATH=/opt/genrewise/bin:$PATH \
    GENREWISE_CACHE=/opt/cache \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/api/v1/health', timeout=4)"]
ENTRYPOINT ["genrewise", "serve", "--no-browser", "--host", "0.0.0.0"]
