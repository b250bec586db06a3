//! Every page in a real browser: nothing that the policy stops, nothing wider than a phone, what axe finds, by keyboard,
//! with progress as it happens.
//!
//! With `GRADER_SCREENSHOTS` set to a folder, the pictures of `docs/` are written there.

use crate::browser::Browser;
use crate::house::{House, PASSWORD};

/// axe-core, by which the pages' accessibility is checked; `axe/README.md` says where it is from.
const AXE: &str = include_str!("axe/axe.min.js");

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

async fn signed_in(house: &House) -> Browser {
    let browser = Browser::open().await;
    browser.go(&house.url("/login")).await;
    // By keyboard alone: the skip link, the brand, name, password.
    browser.script("document.getElementById('name').focus()").await;
    browser.press("ada").await;
    browser.press(TAB).await;
    browser.press(PASSWORD).await;
    browser.press(ENTER).await;
    browser.settled("return location.pathname === '/' && document.readyState === 'complete'").await;
    browser
}

/// What axe finds on the page, as rule and element.
async fn barriers(browser: &Browser) -> Vec<String> {
    browser.script(&format!("{AXE}; return typeof axe")).await;
    let found = browser
        .script_that_waits(
            "const done = arguments[0];
             axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}).then(
               (found) => done(found.violations.flatMap((rule) =>
                 rule.nodes.map((node) => `${rule.id}: ${node.target.join(' ')}: ${node.failureSummary}`))),
               (error) => done([String(error)]));",
        )
        .await;
    serde_json::from_value(found).unwrap()
}

#[tokio::test]
async fn every_page_is_sound_in_light_and_dark_and_on_a_phone() {
    let house = House::open(false).await;
    let cohort = house.cohort().await;
    house.asked(Some("Ken Thompson"), "https://127.0.0.1/thompson/unix-slow").await;
    house.asked(Some("Dennis Ritchie"), "https://127.0.0.1/ritchie/c-slow").await;
    house.asked(Some("Brian Kernighan"), "https://127.0.0.1/kernighan/awk-64").await;
    let browser = signed_in(&house).await;
    let run = &cohort[6].run;
    let store = &house.app.store;
    let candidate = store.run(run).await.unwrap().candidate.unwrap();
    let digest = store.spec_in_force("bookstore").await.unwrap().digest;
    let running = store.in_progress().await.unwrap();
    assert_eq!(running, (1, 2), "two runs go on and one waits");
    let slow = store
        .runs(
            &grader_store::RunFilter { state: Some(grader_store::RunState::Running), ..Default::default() },
            &grader_store::PageRequest::first(1),
        )
        .await
        .unwrap();
    let pages = [
        ("sign-in", "/login".to_owned()),
        ("queue", "/".to_owned()),
        ("runs", "/runs".to_owned()),
        ("run", format!("/runs/{run}")),
        ("progress", format!("/runs/{}", slow.items[0].id)),
        ("override", format!("/runs/{run}/override?probe=error.validation")),
        ("attempts", format!("/candidates/{candidate}")),
        ("compare", format!("/compare?before={}&after={run}", cohort[0].run)),
        ("cohort", "/cohort/bookstore".to_owned()),
        ("similarity", "/cohort/bookstore/similarity".to_owned()),
        ("specs", "/specs".to_owned()),
        ("spec", format!("/specs/{digest}")),
        ("submit", "/submit".to_owned()),
    ];
    browser.console().await;
    let mut wrong = Vec::new();
    for (name, path) in &pages {
        for (width, scheme) in [(1200, "light"), (1200, "dark"), (390, "light"), (390, "dark")] {
            browser.width(width).await;
            browser.scheme(scheme).await;
            browser.go(&house.url(path)).await;
            let over = "const page = document.documentElement; return page.scrollWidth - page.clientWidth";
            let over = browser.script(over).await.as_i64().unwrap();
            if over > 0 {
                wrong.push(format!("{name} at {width}: {over} px wider than the window"));
            }
            let about = "return [document.querySelectorAll('h1').length, document.querySelectorAll('[style]').length]";
            assert_eq!(
                browser.script(about).await,
                serde_json::json!([1, 0]),
                "{name}: one heading, no style in place"
            );
            // Before axe comes: it writes styles of its own to measure, which the policy stops.
            wrong.extend(browser.console().await.into_iter().map(|line| format!("{name}, console: {line}")));
            wrong.extend(barriers(&browser).await.into_iter().map(|line| format!("{name}, {width} {scheme}: {line}")));
            browser.console().await;
            picture(&browser, &format!("{name}-{scheme}-{width}"), width).await;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What is looked for is found where it is: a field without a label, a style in place.
    browser
        .script("document.querySelector('main').insertAdjacentHTML('beforeend', '<input style=\"color:red\">')")
        .await;
    assert!(barriers(&browser).await.iter().any(|line| line.starts_with("label: ")), "axe finds nothing");
    assert!(browser.console().await.iter().any(|line| line.contains("Content Security Policy")), "the console is deaf");
}

async fn picture(browser: &Browser, name: &str, width: u32) {
    if let Some(folder) = std::env::var_os("GRADER_SCREENSHOTS") {
        let png = browser.picture(width, if width < 600 { 1500 } else { 1100 }).await;
        std::fs::write(std::path::Path::new(&folder).join(format!("{name}.png")), png).unwrap();
    }
}

#[tokio::test]
async fn progress_comes_as_it_happens_and_the_page_turns_into_the_report() {
    let house = House::open(false).await;
    let browser = signed_in(&house).await;
    let asked = house.asked(Some("Ken Thompson"), "https://127.0.0.1/thompson/unix-slow").await;
    browser.go(&house.url(&format!("/runs/{}", asked.run))).await;
    browser.settled("return document.querySelectorAll('[data-events] li').length >= 3").await;
    let said = browser.script("return document.querySelector('[data-events]').innerText").await;
    assert!(said.as_str().unwrap().contains("<b>3 services</b> are up"), "text stays text: {said}");
    browser.script("document.querySelector('form[action$=\"/cancel\"] button').click()").await;
    browser
        .settled("return !document.querySelector('[data-events]') && document.body.innerText.includes('cancelled')")
        .await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_queue_renews_itself_and_without_scripts_by_the_browser() {
    let house = House::open(false).await;
    let browser = signed_in(&house).await;
    house.asked(Some("Ken Thompson"), "https://127.0.0.1/thompson/unix-slow").await;
    browser.go(&house.url("/")).await;
    house.graded(Some("Ida Rhodes"), "https://127.0.0.1/rhodes/calendar-83").await;
    browser.settled("return document.body.innerText.includes('Ida Rhodes')").await;
    browser.scripts(false).await;
    browser.go(&house.url("/")).await;
    let renews =
        "return document.querySelector('noscript meta[http-equiv=refresh], meta[http-equiv=refresh]') !== null";
    assert_eq!(browser.script(renews).await, true);
}

#[tokio::test]
async fn the_keyboard_reaches_everything_in_the_order_of_the_page() {
    let house = House::open(false).await;
    let run = house.graded(None, "https://127.0.0.1/x/y-40").await.run;
    let browser = signed_in(&house).await;
    browser.go(&house.url(&format!("/runs/{run}/override?probe=error.validation"))).await;
    let mut reached = Vec::new();
    for _ in 0..16 {
        browser.press(TAB).await;
        let at = "const at = document.activeElement; return at.className === 'skip' ? 'skip' : at.name || at.innerText";
        reached.push(browser.script(at).await.as_str().unwrap_or_default().to_owned());
    }
    let position =
        |name: &str| reached.iter().position(|at| at == name).unwrap_or_else(|| panic!("{name}: {reached:?}"));
    assert_eq!(reached[0], "skip");
    let order = ["skip", "Queue", "Sign out", "Back to the report", "verdict", "points", "reason", "Override"];
    assert!(order.map(position).is_sorted(), "{reached:?}");
    let outlined = "return getComputedStyle(document.querySelector('.skip')).position";
    browser.script("document.querySelector('.skip').focus()").await;
    assert_eq!(browser.script(outlined).await, "absolute");
    browser.press(ENTER).await;
    browser.settled("return location.hash === '#main'").await;
}
