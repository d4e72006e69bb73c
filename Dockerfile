# The node (and every other program of the project) on any Debian-like Python base, offline after this build:
#   docker build -t quorate .          or the same with buildah or podman
#   docker build -t quorate:gpu --build-arg VARIANT=gpu .      with what a member needs to use an NVIDIA GPU beside the node's driver
# BASE must have Python 3.11 to 3.13 with its venv module; both stages use it, so that the environment fits where it lands.
ARG BASE=docker.io/library/python:3.13-slim-bookworm

# Dependencies first, and as a layer of their own: what most changes and most releases share. Every file is checked against its hash.
FROM ${BASE} AS dependencies
# cpu or gpu.
ARG VARIANT=cpu
RUN python3 -m venv /opt/quorate
COPY requirements.image.lock requirements.gpu.lock /source/
RUN case "${VARIANT}" in \
      cpu) lock=requirements.image.lock ;; \
      gpu) lock=requirements.gpu.lock ;; \
      *) echo "VARIANT is ${VARIANT}: it must be cpu or gpu" >&2; exit 2 ;; \
    esac \
 && /opt/quorate/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r "/source/${lock}"

FROM dependencies AS build
COPY pyproject.toml README.md LICENSE /source/
COPY client /source/client
COPY node /source/node
COPY operator /source/operator
RUN /opt/quorate/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --prefix /installed /source

FROM dependencies AS environment
RUN /opt/quorate/bin/python -m pip uninstall --yes --disable-pip-version-check setuptools pip

FROM ${BASE}
COPY --from=environment /opt/quorate /opt/quorate
COPY --from=build /installed /opt/quorate
# The root is read-only and the user has no home: CuPy keeps its kernels in memory, and wants to see a directory for them all the same.
ENV PATH=/opt/quorate/bin:$PATH \
    CUPY_CACHE_DIR=/tmp \
    CUPY_CACHE_IN_MEMORY=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# A number, so that `runAsNonRoot` can be judged without the image's list of users. Nothing is written but the data directory.
USER 65532:65532
WORKDIR /
EXPOSE 7301 7302
ENTRYPOINT ["quorate-node"]
