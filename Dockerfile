# syntax=docker/dockerfile:1
# The grader as an image: service, worker and command line are one binary.
#
#   docker build -t grader .
#
# Workers need an engine: mount its socket, or set DOCKER_HOST. Who may use that socket has the machine; see
# docs/service.md.

FROM rust:1.95-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake pkg-config libssl-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package grader \
    && cp target/release/grader /usr/local/bin/grader

FROM debian:bookworm-slim
# ldd (libc-bin) finds the libraries that the harness takes into the sandbox; ssh clones over ssh.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libc-bin libgcc-s1 openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/grader grader
COPY --from=build /usr/local/bin/grader /usr/local/bin/grader
USER grader
ENV XDG_STATE_HOME=/var/lib/grader/state GRADER_LISTEN=0.0.0.0:8080
VOLUME /var/lib/grader
EXPOSE 8080
ENTRYPOINT ["grader"]
CMD ["serve"]
