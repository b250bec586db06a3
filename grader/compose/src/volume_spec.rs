//! The short form of a mount, `[SOURCE:]TARGET[:OPTIONS]`, drive letters included.

/// A short form taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct VolumeSpec {
    /// `None` for an anonymous volume.
    pub(crate) source: Option<String>,
    pub(crate) target: String,
    pub(crate) read_only: bool,
    pub(crate) nocopy: bool,
    pub(crate) propagation: Option<String>,
    pub(crate) selinux: Option<String>,
}

impl VolumeSpec {
    /// Whether the source is a path, not the name of a volume.
    pub(crate) fn is_bind(&self) -> bool {
        self.source.as_deref().is_some_and(is_path)
    }
}

/// Takes a short form apart.
///
/// # Errors
/// A sentence: it is empty, has an empty section or too many.
pub(crate) fn parse(spec: &str) -> Result<VolumeSpec, String> {
    if spec.is_empty() {
        return Err("the volume is empty".to_owned());
    }
    if spec.len() <= 2 {
        return Ok(VolumeSpec { target: spec.to_owned(), ..VolumeSpec::default() });
    }
    let sections = sections(spec);
    if sections.iter().any(|section| section.is_empty()) {
        return Err(format!("`{spec}` has an empty section between colons"));
    }
    let mut volume = VolumeSpec::default();
    match sections[..] {
        [target] => volume.target = target.to_owned(),
        [source, target] => {
            volume.source = Some(source.to_owned());
            volume.target = target.to_owned();
        }
        [source, target, options] => {
            volume.source = Some(source.to_owned());
            volume.target = target.to_owned();
            for option in options.split(',') {
                apply(&mut volume, option);
            }
        }
        _ => return Err(format!("`{spec}` has too many colons")),
    }
    Ok(volume)
}

/// The reference ignores options that it does not know.
fn apply(volume: &mut VolumeSpec, option: &str) {
    match option {
        "ro" => volume.read_only = true,
        "rw" => volume.read_only = false,
        "nocopy" => volume.nocopy = true,
        "z" | "Z" => volume.selinux = Some(option.to_owned()),
        "rprivate" | "private" | "rshared" | "shared" | "rslave" | "slave" => {
            volume.propagation = Some(option.to_owned());
        }
        _ => {}
    }
}

/// Splits at colons, but for the one after a drive letter that starts a section.
fn sections(spec: &str) -> Vec<&str> {
    let mut sections = Vec::new();
    let mut start = 0;
    for (at, _) in spec.match_indices(':') {
        if !is_drive(&spec[start..at]) {
            sections.push(&spec[start..at]);
            start = at + 1;
        }
    }
    sections.push(&spec[start..]);
    sections
}

fn is_drive(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(char::is_alphabetic) && letters.next().is_none()
}

/// Whether a source is a path: relative with a dot, absolute, below a home folder, or of Windows.
fn is_path(source: &str) -> bool {
    source.starts_with(['.', '/', '~'])
        || source.starts_with("\\\\")
        || source.split_once(':').is_some_and(|(drive, _)| is_drive(drive))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_are_taken_apart() {
        let bind = parse("./a:/b:ro,z").unwrap();
        assert!(bind.is_bind() && bind.read_only && bind.selinux.as_deref() == Some("z"));
        let volume = parse("data:/b:nocopy").unwrap();
        assert!(!volume.is_bind() && volume.nocopy);
        assert_eq!(parse("/b").unwrap().source, None);
        let windows = parse("c:\\a:d:\\b:rw").unwrap();
        assert!(windows.is_bind());
        assert_eq!((windows.source.as_deref(), windows.target.as_str()), (Some("c:\\a"), "d:\\b"));
        for wrong in ["", "ab::c", ":/b", "ab:/b:ro:x", "/b:"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
