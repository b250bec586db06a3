//! One document with what running needs, read by the compose reader and seen from inside its containers: whatever is
//! lost between the text and the engine shows here.

use grader_compose::{LoadOptions, MemoryFiles, RelPath, load};

use crate::support::Bench;

const COMPOSE: &str = r#"
name: applied
x-base: &base
  image: debian:bookworm-slim
  command: ["sleep", "600"]
services:
  api:
    build:
      context: app
      dockerfile_inline: |
        FROM debian:bookworm-slim AS base
        ARG WORD=none
        RUN --mount=type=bind,from=extra,target=/extra --mount=type=cache,target=/cache echo "$$WORD" > /word && cat /extra/extra.txt >> /word
        FROM base AS final
        COPY . /app
        FROM nothing-of-the-kind AS unused
      target: final
      args: {WORD: "${WORD:-unset}"}
      additional_contexts: {extra: ./extra}
    command: ["sh", "-c", "trap 'echo quit > /data/signal; exit 0' QUIT; echo up > /data/up; while :; do sleep 0.1; done"]
    init: true
    stop_signal: SIGQUIT
    user: "0:1000"
    working_dir: /app
    read_only: true
    hostname: box
    shm_size: 2m
    tmpfs: ["/scratch:size=128k,mode=1770"]
    ulimits: {nofile: {soft: 111, hard: 222}, nproc: 333}
    environment: {FROM_DOCUMENT: "a $$b", FROM_FILE: over}
    env_file: [app.env]
    extra_hosts: ["elsewhere=192.0.2.7"]
    sysctls: {net.core.somaxconn: 321}
    expose: ["9000"]
    links: ["store:shop"]
    pull_policy: missing
    platform: linux/amd64
    volumes:
      - data:/data
      - /var/anonymous
      - {type: tmpfs, target: /memory, tmpfs: {size: 65536}}
      - ./seed:/seed:ro
    networks:
      front: {aliases: [other-name]}
      back: {}
    depends_on:
      store: {condition: service_healthy}
      once: {condition: service_completed_successfully}
      absent: {condition: service_started, required: false}
    post_start:
      - {command: ["sh", "-c", "echo hooked > /data/hook"]}
  store:
    <<: *base
    networks: [back]
    healthcheck: {test: ["CMD", "test", "-e", "/made-by-hook"], interval: 30s}
    post_start: [{command: ["touch", "/made-by-hook"]}]
    secrets: [token]
    configs: [{source: settings, target: /etc/settings, mode: 0400, uid: "7"}]
  once:
    <<: *base
    command: ["true"]
    networks: [back]
  absent:
    <<: *base
    profiles: [never]
  wanted:
    <<: *base
    profiles: [extra]
    networks: [front]
networks: {front: {}, back: {}}
volumes: {data: {}}
secrets: {token: {file: ./token.txt}}
configs: {settings: {content: "word=${WORD}"}}
"#;

#[tokio::test]
async fn what_a_document_asks_for_is_there_when_it_runs() {
    let files = [
        ("compose.yaml", COMPOSE),
        (".env", "WORD=spoken\n"),
        ("app.env", "FROM_FILE=file\nONLY_FILE='x y'\n"),
        ("app/main.txt", "main"),
        ("app/left-out.log", "log"),
        ("app/.dockerignore", "*.log\n"),
        ("extra/extra.txt", "extra"),
        ("seed/one.sql", "select 1;"),
        ("token.txt", "s3cret"),
    ];
    let tree =
        files.iter().fold(MemoryFiles::new(), |tree, (path, text)| tree.with(RelPath::parse(path).unwrap(), *text));
    let options = LoadOptions { profiles: vec!["extra".to_owned()], ..LoadOptions::default() };
    let loaded = load(&tree, &options).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(loaded.refusals, []);
    let mut bench = Bench::new("applied").await;
    for (path, text) in files {
        bench = bench.file(path, text);
    }
    bench.project = loaded.project;
    bench
        .up(async |up| {
            for (service, line, expected) in [
                ("api", "cat /word", "spoken\nextra"),
                ("api", "ls /app | tr '\\n' ' '", "main.txt"),
                ("api", "pwd; id -u; id -g; hostname", "/app\n0\n1000\nbox"),
                ("api", "tr '\\0' ' ' < /proc/1/cmdline | grep -c init", "1"),
                ("api", "(echo x > /x) 2>/dev/null || echo held", "held"),
                (
                    "api",
                    "df -k --output=size /dev/shm /scratch /memory | tail -3 | tr -d ' ' | tr '\\n' ' '",
                    "2048 128 64",
                ),
                ("api", "stat -c %a /scratch", "1770"),
                ("api", "grep 'open files' /proc/1/limits | tr -s ' ' | cut -d' ' -f4,5", "111 222"),
                ("api", "grep 'Max processes' /proc/1/limits | tr -s ' ' | cut -d' ' -f3,4", "333 333"),
                ("api", "echo \"$FROM_DOCUMENT|$FROM_FILE|$ONLY_FILE\"", "a $b|over|x y"),
                ("api", "grep elsewhere /etc/hosts | cut -f1", "192.0.2.7"),
                ("api", "cat /proc/sys/net/core/somaxconn", "321"),
                ("api", "cat /data/up /data/hook", "up\nhooked"),
                ("api", "touch /var/anonymous/x && ls /var/anonymous", "x"),
                ("api", "cat /seed/one.sql; touch /seed/x 2>/dev/null || echo held", "select 1;held"),
                ("api", "getent hosts shop store | cut -d' ' -f1 | sort -u | wc -l", "1"),
                ("wanted", "getent hosts other-name | wc -l; getent hosts store | wc -l", "1\n0"),
                ("store", "cat /run/secrets/token; cat /etc/settings", "s3cretword=spoken"),
                ("store", "stat -c '%u %a' /etc/settings", "7 400"),
            ] {
                assert_eq!(up.sh(service, line).await, expected, "{service}: {line}");
            }
            let mut known: Vec<String> = up.stack.endpoints().await.unwrap().into_iter().map(|e| e.service).collect();
            known.sort();
            assert_eq!(known, ["api", "once", "store", "wanted"], "a profile that is off takes its service along");
            // The document's own signal ends it, and not the engine's SIGTERM.
            up.stack.restart("api", std::time::Duration::from_secs(10)).await.unwrap();
            assert_eq!(up.sh("api", "cat /data/signal").await, "quit");
        })
        .await;
}
