//! Printing that a reader who went away cannot break: the standard macros panic where a pipe is closed, and a panic in the
//! middle of a run, or in what handles a signal, would cost its teardown. Whoever closes the pipe does not want the text.

/// As the standard macro, but that a closed standard output is nobody's trouble.
macro_rules! println {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

/// As the standard macro, but that a closed standard error is nobody's trouble.
macro_rules! eprintln {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}
