//! How alike the submissions of a cohort are, for a person: pairs ranked, the places side by side.
//!
//! Says nothing of guilt and gives no points; everything that it quotes is hostile text.

use askama::Template;
use grader_model::{ComparedSubmission, Passage, SimilarPair, Similarity};

use crate::compare::ComparisonFormat;
use crate::html::words;
use crate::markdown::escape::prose;
use crate::number::decimal;
use crate::options::{RenderError, RenderOptions};
use crate::terminal::paint::{Page, Style};

/// Pairs of a page of text.
const PAIRS: usize = 40;
/// Places under each of them.
const PLACES: usize = 5;
/// What stands over every form.
const PREAMBLE: &str = "For a person to read: what two submissions share can come from one tutorial, one generator or one hand. \
                        Imports, comments, vendored and generated code, the starter template and what much of the cohort has are left out.";

/// Writes the similarity of a cohort. The same result and options always give the same bytes.
///
/// # Errors
/// [`RenderError`] names the format whose writer failed.
pub fn render_similarity(
    similarity: &Similarity,
    format: ComparisonFormat,
    options: &RenderOptions,
) -> Result<String, RenderError> {
    match format {
        ComparisonFormat::Json => {
            let mut json = crate::json::inert(&serde_json::to_string_pretty(similarity)?);
            json.push('\n');
            Ok(json)
        }
        ComparisonFormat::Terminal => Ok(terminal(similarity, options)),
        ComparisonFormat::Markdown => Ok(markdown(similarity)),
        ComparisonFormat::Html => html(similarity, false),
    }
}

/// The same as HTML without a page around it, for a page of somebody's own that has [`crate::STYLE`]. Everything is
/// escaped; no script, no style of its own.
///
/// # Errors
/// [`RenderError`].
pub fn similarity_fragment(similarity: &Similarity) -> Result<String, RenderError> {
    html(similarity, true)
}

fn html(similarity: &Similarity, bare: bool) -> Result<String, RenderError> {
    Ok(Html { similarity: &crate::digest::harmless(similarity)?, bare }.render()?)
}

/// The page. Field names are those that the template uses.
#[derive(Template)]
#[template(path = "similarity.html", whitespace = "minimize")]
struct Html<'a> {
    similarity: &'a Similarity,
    /// Without a page around it.
    bare: bool,
}

impl Html<'_> {
    fn name(&self, index: &usize) -> &str {
        name(self.similarity, *index)
    }

    fn lines(&self, passage: &Passage) -> String {
        lines(passage)
    }

    fn percent(&self, share: &f64) -> String {
        percent(*share)
    }

    fn numbered<'t>(&self, passage: &'t Passage) -> Vec<(usize, &'t str)> {
        passage.excerpt.lines().enumerate().map(|(at, line)| (passage.first_line as usize + at, line)).collect()
    }

    fn preamble(&self) -> &'static str {
        PREAMBLE
    }
}

fn terminal(similarity: &Similarity, options: &RenderOptions) -> String {
    let mut page = Page::new(options.width, options.color);
    page.line(Style::Bold, &headline(similarity));
    page.line(Style::Dim, PREAMBLE);
    for pair in similarity.pairs.iter().take(PAIRS) {
        page.blank();
        let figures = format!("{:>7}", percent(pair.similarity));
        page.columns(Style::Bold, &figures, &between(similarity, pair));
        for place in pair.places.iter().take(PLACES) {
            page.continued(&format!(
                "{} · {} ({} tokens, {} of the names the same)",
                lines(&place.a),
                lines(&place.b),
                place.tokens,
                percent(place.same_names)
            ));
        }
        if pair.places.len() > PLACES {
            page.continued(&format!("and {} more", pair.places.len() - PLACES));
        }
    }
    page.heading("Compared");
    for submission in &similarity.submissions {
        page.item(Style::Plain, "·", &read(submission));
    }
    page.finish()
}

fn markdown(similarity: &Similarity) -> String {
    let mut text = format!("## {}\n\n{PREAMBLE}\n\n", prose(&headline(similarity)));
    if !similarity.pairs.is_empty() {
        text.push_str("| Similarity | Submissions | Longest passage |\n| ---: | --- | --- |\n");
    }
    for pair in similarity.pairs.iter().take(PAIRS) {
        let longest = pair
            .places
            .first()
            .map_or(String::new(), |place| format!("{} · {}", prose(&lines(&place.a)), prose(&lines(&place.b))));
        text.push_str(&format!(
            "| {} | {} | {longest} |\n",
            percent(pair.similarity),
            prose(&between(similarity, pair))
        ));
    }
    text.push('\n');
    for submission in &similarity.submissions {
        text.push_str(&format!("- {}: {}\n", prose(&submission.name), prose(&figures(submission))));
    }
    text
}

fn headline(similarity: &Similarity) -> String {
    format!(
        "{} submissions, {} pairs that share code; {} is usual for a pair of this cohort",
        similarity.submissions.len(),
        similarity.pairs.len(),
        percent(similarity.usual)
    )
}

fn between(similarity: &Similarity, pair: &SimilarPair) -> String {
    format!(
        "{} ({} of it) and {} ({} of it), {} tokens",
        name(similarity, pair.a),
        percent(pair.share_a),
        name(similarity, pair.b),
        percent(pair.share_b),
        pair.tokens
    )
}

fn read(submission: &ComparedSubmission) -> String {
    format!("{}: {}", submission.name, figures(submission))
}

fn figures(submission: &ComparedSubmission) -> String {
    format!(
        "{} files, {} tokens of its own; left out: {} of the template, {} common in the cohort",
        submission.files,
        submission.own(),
        submission.template,
        submission.common
    )
}

fn name(similarity: &Similarity, index: usize) -> &str {
    similarity.submissions.get(index).map_or("?", |submission| submission.name.as_str())
}

fn lines(passage: &Passage) -> String {
    format!("{}:{}-{}", passage.path, passage.first_line, passage.last_line)
}

fn percent(share: f64) -> String {
    format!("{} %", decimal((share * 1000.0).round() / 10.0))
}

#[cfg(test)]
mod tests {
    use grader_model::{SIMILARITY_SCHEMA, SimilarPlace};

    use super::*;

    fn cohort() -> Similarity {
        let submission =
            |name: &str| ComparedSubmission { name: name.to_owned(), files: 3, tokens: 900, template: 100, common: 50 };
        let passage = |path: &str, excerpt: &str| Passage {
            path: path.to_owned(),
            first_line: 3,
            last_line: 4,
            excerpt: excerpt.to_owned(),
        };
        Similarity {
            schema: SIMILARITY_SCHEMA.to_owned(),
            submissions: vec![submission("one"), submission("<b>two</b>\u{1b}[31m")],
            pairs: vec![SimilarPair {
                a: 0,
                b: 1,
                similarity: 0.625,
                share_a: 0.625,
                share_b: 0.5,
                tokens: 400,
                places: vec![SimilarPlace {
                    a: passage("a.py", "def f(x):\n    return x < 1"),
                    b: passage("b|.py", "def g(y):\n    return y < 1 # <script>"),
                    tokens: 30,
                    same_names: 0.25,
                }],
            }],
            usual: 0.021,
        }
    }

    #[test]
    fn every_form_names_the_pair_and_its_places() {
        for format in ComparisonFormat::ALL {
            let text = render_similarity(&cohort(), format, &RenderOptions::default()).expect("it renders");
            for part in ["a.py", "62.5", "2.1"] {
                let json = format == ComparisonFormat::Json && part != "a.py";
                assert!(json || text.contains(part), "{format} lacks {part}:\n{text}");
            }
            assert!(!text.contains('\u{1b}'), "{format}");
            if matches!(format, ComparisonFormat::Html | ComparisonFormat::Markdown) {
                assert!(!text.contains("<b>two") && !text.contains("<script>"), "{format}");
            }
        }
    }

    #[test]
    fn the_page_numbers_the_lines_of_both_sides() {
        let text = render_similarity(&cohort(), ComparisonFormat::Html, &RenderOptions::default()).expect("HTML");
        assert!(text.contains("return x &#60; 1") || text.contains("return x &lt; 1"), "{text}");
        assert_eq!(text.matches("<span class=\"no\">4</span>").count(), 2);
    }

    #[test]
    fn a_fragment_has_no_page_around_it() {
        let text = similarity_fragment(&cohort()).expect("HTML");
        assert!(text.contains("a.py:3-4") && text.contains("62.5 %"), "{text}");
        for part in ["<html", "<style", "<main", "style=", "<script>"] {
            assert!(!text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_cohort_without_pairs_is_told() {
        let nothing = Similarity { pairs: Vec::new(), usual: 0.0, ..cohort() };
        let text = render_similarity(&nothing, ComparisonFormat::Terminal, &RenderOptions::default()).expect("text");
        assert!(text.starts_with("2 submissions, 0 pairs that share code"), "{text}");
    }
}
