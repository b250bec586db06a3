//! Whatever the bytes are, the loader answers: no panic, no hang, no allocation past the budget.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use grader_compose::{LoadOptions, MemoryFiles, RelPath, load, normalized};
use proptest::prelude::*;

fn answers(compose: &[u8], env: &[u8], other: &[u8]) {
    let path = |text: &str| RelPath::parse(text).unwrap();
    let files = MemoryFiles::new()
        .with(path("compose.yaml"), compose)
        .with(path(".env"), env)
        .with(path("other.yaml"), other)
        .with(path("Dockerfile"), "");
    match load(&files, &LoadOptions::default()) {
        Ok(loaded) => {
            normalized::render(&loaded.document).unwrap();
        }
        Err(errors) => assert!(!errors.as_slice().is_empty() && !errors.to_string().is_empty()),
    }
}

/// Words of compose, YAML and interpolation, so that documents come near to being right.
fn word() -> impl Strategy<Value = String> {
    let words = [
        "services",
        "a",
        "b",
        "image",
        "build",
        "context",
        ".",
        "..",
        "/etc",
        "environment",
        "env_file",
        "ports",
        "80",
        "8080:80",
        "1-9",
        "volumes",
        "./x:/y",
        "v:/v",
        "networks",
        "default",
        "depends_on",
        "condition",
        "service_healthy",
        "extends",
        "service",
        "file",
        "other.yaml",
        "include",
        "path",
        "healthcheck",
        "test",
        "CMD",
        "interval",
        "10s",
        "deploy",
        "resources",
        "limits",
        "memory",
        "1g",
        "secrets",
        "configs",
        "external",
        "true",
        "null",
        "${A}",
        "${A:-b}",
        "$$",
        "${",
        "*x",
        "&x",
        "<<",
        "!reset",
        "!override",
        "name",
        "x-a",
        "ulimits",
        "sysctls",
        "command",
        "\"a b\"",
        "'c'",
        "tmpfs",
        "labels",
        "scale",
        "-1",
        "0x10",
        "2024-01-01",
        "~",
        "[]",
        "{}",
        "develop",
        "watch",
        "gpus",
        "all",
        "logging",
        "driver",
        "ipam",
        "config",
        "subnet",
        "profiles",
        "network_mode",
        "service:b",
        "links",
        "post_start",
        "dns",
        "extra_hosts",
        "h:1",
    ];
    proptest::sample::select(words.to_vec()).prop_map(str::to_owned)
}

/// A flow value of some depth.
fn value() -> impl Strategy<Value = String> {
    word().prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((word(), inner), 0..6).prop_map(|entries| {
                let entries: Vec<String> = entries.into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
                format!("{{{}}}", entries.join(", "))
            }),
        ]
    })
}

/// A document whose services have attributes of compose with any value.
fn document() -> impl Strategy<Value = String> {
    let service = prop::collection::vec((word(), value()), 0..6);
    (prop::collection::vec(service, 1..4), value()).prop_map(|(services, top)| {
        let mut text = "services:\n".to_owned();
        for (index, attributes) in services.into_iter().enumerate() {
            let name = ["a", "b", "c"][index];
            text.push_str(&format!("  {name}:\n    image: x\n"));
            for (key, value) in attributes {
                text.push_str(&format!("    {key}: {value}\n"));
            }
        }
        text.push_str(&format!("x-top: {top}\n"));
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        answers(&bytes, &bytes, &bytes);
    }

    #[test]
    fn arbitrary_text_gets_an_answer(text in "(?s).{0,200}", env in "(?s)[A-Z_=$\\{\\}:'\"\\\\ #\n-]{0,80}") {
        answers(text.as_bytes(), env.as_bytes(), text.as_bytes());
    }

    #[test]
    fn near_documents_get_an_answer(compose in document(), other in document(), env in "([A-B]=[a-z$\\{\\}:-]{0,9}\n){0,4}") {
        answers(compose.as_bytes(), env.as_bytes(), other.as_bytes());
    }

    #[test]
    fn values_of_any_shape_get_an_answer(value in value()) {
        answers(value.as_bytes(), b"", b"");
        answers(format!("services: {value}").as_bytes(), b"", b"");
    }
}

/// More with `PROPTEST_CASES`, for long runs.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(512)
}
