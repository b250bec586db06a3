//! Where a path of the document stands in the file.

use saphyr_parser::{Event, Parser, Span};

/// A place in a spec file; line and column count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl From<Span> for Place {
    fn from(span: Span) -> Self {
        Place { line: span.start.line(), column: span.start.col() + 1 }
    }
}

/// Finds where `path` stands: map keys and sequence indices, such as `["criteria", "0", "id"]`. The place is that of
/// the deepest part of the path that exists, so that a missing key is reported at its parent.
pub(crate) fn locate(text: &str, path: &[&str]) -> Place {
    let mut best = Place { line: 1, column: 1 };
    let mut depth_reached = 0;
    let mut stack: Vec<Frame> = Vec::new();
    let mut current: Vec<String> = Vec::new();
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        match event {
            Event::Scalar(value, ..) => {
                if let Some(Frame::Mapping { key }) = stack.last_mut()
                    && key.is_none()
                {
                    *key = Some(value.to_string());
                    current.push(value.to_string());
                    note(&current, path, span, &mut depth_reached, &mut best);
                    continue;
                }
                enter(&mut stack, &mut current);
                note(&current, path, span, &mut depth_reached, &mut best);
                leave(&mut stack, &mut current);
            }
            Event::MappingStart(..) => {
                enter(&mut stack, &mut current);
                note(&current, path, span, &mut depth_reached, &mut best);
                stack.push(Frame::Mapping { key: None });
            }
            Event::SequenceStart(..) => {
                enter(&mut stack, &mut current);
                note(&current, path, span, &mut depth_reached, &mut best);
                stack.push(Frame::Sequence { next: 0 });
            }
            Event::MappingEnd | Event::SequenceEnd => {
                stack.pop();
                leave(&mut stack, &mut current);
            }
            Event::Alias(_) => {
                enter(&mut stack, &mut current);
                leave(&mut stack, &mut current);
            }
            _ => {}
        }
    }
    best
}

enum Frame {
    Mapping { key: Option<String> },
    Sequence { next: usize },
}

fn enter(stack: &mut [Frame], current: &mut Vec<String>) {
    if let Some(Frame::Sequence { next }) = stack.last_mut() {
        current.push(next.to_string());
        *next += 1;
    }
}

fn leave(stack: &mut [Frame], current: &mut Vec<String>) {
    match stack.last_mut() {
        Some(Frame::Mapping { key }) => {
            *key = None;
            current.pop();
        }
        Some(Frame::Sequence { .. }) => {
            current.pop();
        }
        None => {}
    }
}

fn note(current: &[String], path: &[&str], span: Span, reached: &mut usize, best: &mut Place) {
    let is_prefix = current.len() <= path.len() && current.iter().zip(path).all(|(a, b)| a == b);
    if is_prefix && current.len() > *reached {
        *reached = current.len();
        *best = span.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "id: x\ncriteria:\n  - id: a\n    probes:\n      - {id: p.one, points: 2}\n      - id: p.two\n";

    #[test]
    fn finds_keys_and_items() {
        assert_eq!(locate(TEXT, &["id"]), Place { line: 1, column: 1 });
        assert_eq!(locate(TEXT, &["criteria", "0", "id"]), Place { line: 3, column: 5 });
        assert_eq!(locate(TEXT, &["criteria", "0", "probes", "0", "points"]), Place { line: 5, column: 21 });
        assert_eq!(locate(TEXT, &["criteria", "0", "probes", "1", "id"]), Place { line: 6, column: 9 });
    }

    #[test]
    fn a_missing_key_is_placed_at_its_parent() {
        assert_eq!(locate(TEXT, &["criteria", "0", "weight"]), Place { line: 3, column: 5 });
        assert_eq!(locate(TEXT, &["nothing"]), Place { line: 1, column: 1 });
    }
}
