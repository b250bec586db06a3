//! The child process as the crate's own tests start it; the product's is `grader intake-child`.

fn main() -> std::process::ExitCode {
    grader_intake::child_main()
}
