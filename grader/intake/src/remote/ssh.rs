//! ssh, through the system's own program, which has the person's keys, agent and known hosts.
//!
//! ssh hands its last argument to a shell on the server, so the path is quoted for one; a user, host or path that
//! begins with `-` never gets here (see `Source::parse`), and `--` ends ssh's options all the same.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use super::{Guard, Session, said};
use crate::IntakeError;

pub(super) struct Ssh {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    complaints: Option<JoinHandle<String>>,
    place: String,
}

/// Bytes of ssh's complaints that are kept.
const MAX_COMPLAINT: u64 = 4096;

impl Ssh {
    pub(super) fn start(
        user: Option<&str>,
        host: &str,
        port: Option<u16>,
        path: &str,
        place: &str,
        guard: &Guard,
    ) -> Result<Self, IntakeError> {
        let mut command = Command::new("ssh");
        for option in [
            "BatchMode=yes",
            "StrictHostKeyChecking=accept-new",
            "ConnectTimeout=15",
            "ForwardAgent=no",
            "ForwardX11=no",
            "ClearAllForwardings=yes",
            "PermitLocalCommand=no",
            "ControlMaster=no",
        ] {
            command.arg(format!("-o{option}"));
        }
        if guard.strict() {
            // The address that was checked is the one that is connected to.
            let addresses = guard.resolve(host, port.unwrap_or(22), place)?;
            if let Some(address) = addresses.first() {
                command.arg(format!("-oHostName={}", address.ip())).arg(format!("-oHostKeyAlias={host}"));
                command.arg("-oProxyCommand=none").arg("-oProxyJump=none");
            }
        }
        if let Some(port) = port {
            command.arg("-p").arg(port.to_string());
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let target = user.map_or_else(|| bare.to_owned(), |user| format!("{user}@{bare}"));
        command.arg("--").arg(target).arg(format!("git-upload-pack {}", quote(path)));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| unreachable(place, &format!("the ssh program does not start: {error}")))?;
        let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(unreachable(place, "the ssh program has no pipes"));
        };
        let complaints = std::thread::spawn(move || {
            let mut text = Vec::new();
            // A failed read ends the complaint; what came before it is what there is.
            let _ = errors.take(MAX_COMPLAINT).read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let output = BufReader::with_capacity(64 * 1024, output);
        Ok(Ssh { child, input, output, complaints: Some(complaints), place: place.to_owned() })
    }
}

impl Session for Ssh {
    fn advertisement(&mut self) -> Result<Box<dyn BufRead + '_>, IntakeError> {
        Ok(Box::new(&mut self.output))
    }

    fn request(&mut self, request: &[u8]) -> Result<Box<dyn Read + '_>, IntakeError> {
        self.input
            .write_all(request)
            .and_then(|()| self.input.flush())
            .map_err(|error| unreachable(&self.place, &error.to_string()))?;
        Ok(Box::new(&mut self.output))
    }

    fn explain(&mut self, error: IntakeError) -> IntakeError {
        // ssh has closed its output, so it has said all that it will; killing it ends one that has not.
        let _ = self.child.kill();
        let Some(text) = self.complaints.take().and_then(|thread| thread.join().ok()) else { return error };
        let text = text.trim();
        if text.is_empty() { error } else { said(&self.place, text) }
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        // Both fail only for a child that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn unreachable(place: &str, reason: &str) -> IntakeError {
    IntakeError::Unreachable { place: place.to_owned(), reason: reason.to_owned() }
}

/// `path` as one word of a POSIX shell, the way git quotes it: `!` is left outside of quotes for csh's sake.
fn quote(path: &str) -> String {
    let mut quoted = String::from("'");
    for c in path.chars() {
        match c {
            '\'' => quoted.push_str("'\\''"),
            '!' => quoted.push_str("'\\!'"),
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_shell_reads_a_quoted_path_as_one_word(path in "[ -~]{1,30}") {
            let script = format!("printf %s {}", quote(&path));
            let out = Command::new("sh").arg("-c").arg(script).output().unwrap();
            prop_assert_eq!(String::from_utf8(out.stdout).unwrap(), path);
        }
    }
}
