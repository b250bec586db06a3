//! Everything works without scripts: by plain requests, as a browser without them sends.

use grader_store::{OverrideState, Scope};

use crate::house::{House, PASSWORD};

/// A browser without scripts: it keeps cookies and follows redirects.
struct Plain {
    client: reqwest::Client,
    base: String,
}

impl Plain {
    async fn signed_in(house: &House, name: &str) -> Self {
        let client = reqwest::Client::builder().cookie_store(true).build().unwrap();
        let plain = Plain { client, base: house.url("") };
        let page = plain.post("/login", &[("name", name), ("password", PASSWORD)]).await;
        assert_eq!(page.0, 200, "{}", page.1);
        plain
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let answer = self.client.post(format!("{}{path}", self.base)).form(fields).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Sends a form of a page with what the page put into it.
    async fn send(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let (_, text) = self.get(page).await;
        let csrf = between(&text, "name=\"csrf\" value=\"", "\"").expect("a form on the page");
        let mut all = vec![("csrf", csrf)];
        all.extend_from_slice(fields);
        self.post(action, &all).await
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

#[tokio::test]
async fn whoever_is_not_signed_in_signs_in_first_and_comes_back() {
    let house = House::open(false).await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let away = client.get(house.url("/runs?state=queued")).send().await.unwrap();
    assert_eq!(away.headers()["location"], "/login?next=%2Fruns%3Fstate%3Dqueued");
    let plain = Plain { client: reqwest::Client::builder().cookie_store(true).build().unwrap(), base: house.url("") };
    let (status, page) = plain.post("/login", &[("name", "rita"), ("password", "wrong")]).await;
    assert_eq!(status, 401);
    assert!(page.contains("role=\"alert\"") && page.contains("value=\"rita\""), "{page}");
    let (_, page) =
        plain.post("/login", &[("name", "rita"), ("password", PASSWORD), ("next", "/runs?state=queued")]).await;
    assert!(page.contains("<h1>Runs</h1>"), "{page}");
    let foreign = client.post(house.url("/login")).header("sec-fetch-site", "cross-site");
    assert_eq!(foreign.form(&[("name", "rita"), ("password", PASSWORD)]).send().await.unwrap().status(), 403);
    let (_, page) = plain.send("/", "/logout", &[]).await;
    assert!(page.contains("<h1>Sign in</h1>"));
    assert!(plain.get("/runs").await.1.contains("<h1>Sign in</h1>"), "the session is over");
}

#[tokio::test]
async fn a_token_signs_in_as_well() {
    let house = House::open(false).await;
    let scopes = grader_store::Scopes::of([Scope::Read]);
    let (secret, _) = grader_service::issue_token(&house.app.store, "kiosk", scopes, None, "ada").await.unwrap();
    let plain = Plain { client: reqwest::Client::builder().cookie_store(true).build().unwrap(), base: house.url("") };
    let (_, page) = plain.post("/login", &[("token", &secret)]).await;
    assert!(page.contains("<h1>Queue</h1>") && page.contains("token:kiosk"), "{page}");
    assert!(!page.contains("href=\"/submit\""), "a token that only reads hands nothing in");
}

#[tokio::test]
async fn a_submission_is_handed_in_graded_and_read() {
    let house = House::open(false).await;
    let plain = Plain::signed_in(&house, "rita").await;
    let (status, page) = plain.send("/submit", "/submit", &[("source", "not a url"), ("name", "Mary Jackson")]).await;
    assert_eq!(status, 422);
    assert!(page.contains("must be a git URL") && page.contains("value=\"Mary Jackson\""), "{page}");
    assert!(!plain.get("/submit").await.1.contains("Mary Jackson</option>"), "a refused form keeps no candidate");
    let fields = [("source", "https://127.0.0.1/jackson/api-81"), ("name", "Mary Jackson"), ("spec", "bookstore")];
    let (_, page) = plain.send("/submit", "/submit", &fields).await;
    assert!(page.contains("Mary Jackson"), "{page}");
    for _ in 0..200 {
        if plain.get("/").await.1.contains("<b>graded")
            || plain.get("/runs?state=finished").await.1.contains("Mary Jackson")
        {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let (_, list) = plain.get("/runs?state=finished").await;
    let run = between(&list, "<a href=\"/runs/", "\"").expect("a run");
    let (_, page) = plain.get(&format!("/runs/{run}")).await;
    assert!(page.contains("<section id=\"findings\">") && page.contains("Override</a>"), "{page}");
    assert!(page.contains("Mary Jackson") && page.contains("attempt 1"));
    let (_, page) = plain.send(&format!("/runs/{run}"), &format!("/runs/{run}/again"), &[]).await;
    assert!(page.contains("attempt 2"), "{page}");
}

#[tokio::test]
async fn a_reader_changes_nothing_and_no_foreign_form_does() {
    let house = House::open(false).await;
    let run = house.graded(None, "https://127.0.0.1/x/y-40").await.run;
    let reader = Plain::signed_in(&house, "rex").await;
    let (_, page) = reader.get(&format!("/runs/{run}")).await;
    assert!(!page.contains("Override</a>") && !page.contains(">Decide<"), "{page}");
    assert_eq!(reader.get("/submit").await.0, 403);
    let path = format!("/runs/{run}/again");
    assert_eq!(reader.send("/", &path, &[]).await.0, 403);
    let reviewer = Plain::signed_in(&house, "rita").await;
    for (path, fields) in [
        (path.as_str(), vec![]),
        ("/submit", vec![("source", "https://127.0.0.1/x/z-1")]),
        (&format!("/runs/{run}/decision"), vec![("decision", "reject"), ("reason", "x")]),
        (&format!("/runs/{run}/override"), vec![("probe", "org.hygiene"), ("verdict", "fail"), ("reason", "x")]),
    ] {
        for csrf in ["", "made-up"] {
            let mut all = vec![("csrf", csrf)];
            all.extend(fields.iter().copied());
            assert_eq!(reviewer.post(path, &all).await.0, 403, "{path}");
        }
    }
    assert_eq!(reviewer.get("/runs/0198-none").await.0, 404);
    assert_eq!(reviewer.get("/cohort/nothing").await.0, 404);
}

#[tokio::test]
async fn an_override_moves_the_score_and_is_shown_until_it_is_withdrawn() {
    let house = House::open(false).await;
    let run = house.graded(None, "https://127.0.0.1/x/y-40").await.run;
    let graded = house.app.store.run(&run).await.unwrap().percent.unwrap();
    let plain = Plain::signed_in(&house, "rita").await;
    let (_, page) = plain.get(&format!("/runs/{run}")).await;
    let link = format!("/runs/{run}/override?probe=");
    let probe = between(&page, &link, "\"").expect("a finding to override").to_owned();
    let form = format!("{link}{probe}");
    let action = format!("/runs/{run}/override");
    for (fields, wrong) in [
        (vec![("verdict", "pass"), ("reason", " ")], "reason: must have"),
        (vec![("verdict", "pass"), ("reason", "x"), ("points", "1000")], "points: must be"),
        (vec![("verdict", "blocked"), ("reason", "x")], "verdict: must be"),
    ] {
        let mut all = vec![("probe", probe.as_str())];
        all.extend(fields);
        let (status, page) = plain.send(&form, &action, &all).await;
        assert_eq!(status, 422, "{page}");
        assert!(page.contains(wrong), "{page}");
    }
    assert!(house.app.store.overrides(&run).await.unwrap().is_empty());
    let said = [("probe", probe.as_str()), ("verdict", "pass"), ("reason", "The brief says <so>.")];
    let (_, page) = plain.send(&form, &action, &said).await;
    assert!(page.contains("Your word is kept.") && page.contains("The brief says &#60;so&#62;."), "{page}");
    let with = house.app.store.run(&run).await.unwrap().percent.unwrap();
    assert!(with > graded, "{with} and {graded}");
    // Another reviewer who disagrees leaves the grader's own verdict standing.
    let other = Plain::signed_in(&house, "ron").await;
    let said = [("probe", probe.as_str()), ("verdict", "fail"), ("reason", "No.")];
    let (_, page) = other.send(&form, &action, &said).await;
    assert!(page.contains("disputed") && page.contains("rita and ron agree on 0 of 1 probes"), "{page}");
    assert_eq!(house.app.store.run(&run).await.unwrap().percent, Some(graded));
    let words = house.app.store.overrides(&run).await.unwrap();
    let ritas = &words.iter().find(|word| word.author == "rita").unwrap().id;
    let withdraw = format!("/runs/{run}/withdraw");
    assert_eq!(other.send(&form, &withdraw, &[("id", ritas)]).await.0, 404, "nobody withdraws another's word");
    let (_, page) = plain.send(&form, &withdraw, &[("id", ritas)]).await;
    assert!(page.contains("Your word is withdrawn."));
    let words = house.app.store.overrides(&run).await.unwrap();
    assert_eq!(words.iter().filter(|word| word.state == OverrideState::Withdrawn).count(), 1);
}

#[tokio::test]
async fn a_cohort_is_sorted_filtered_compared_and_exported() {
    let house = House::open(false).await;
    let cohort = house.cohort().await;
    let plain = Plain::signed_in(&house, "rex").await;
    let order = |page: &str| -> Vec<usize> {
        let names = ["Alan Turing", "Barbara Liskov", "Donald Knuth", "Edsger Dijkstra"];
        let table = page.split_once("<tbody>").unwrap().1.to_owned();
        names.iter().map(|name| table.find(name).unwrap_or(usize::MAX)).collect()
    };
    let (_, page) = plain.get("/cohort/bookstore").await;
    let [turing, liskov, knuth, dijkstra] = order(&page)[..] else { panic!("four names") };
    assert!(liskov < turing && turing < knuth && knuth < dijkstra, "best first: {page}");
    assert!(page.contains("aria-sort=\"descending\"") && page.contains("forged tokens"), "{page}");
    let (_, page) = plain.get("/cohort/bookstore?sort=name&order=asc").await;
    assert!(order(&page).is_sorted(), "by name: {page}");
    let (_, page) = plain.get("/cohort/bookstore?sort=testing&order=asc&least=60&search=tu").await;
    assert!(page.contains("Alan Turing") && !page.contains("Barbara Liskov"), "{page}");
    let (_, page) = plain.get("/cohort/bookstore?flag=forged-tokens").await;
    assert!(page.contains("Edsger Dijkstra") && !page.contains("Alan Turing"), "{page}");
    assert_eq!(plain.get("/cohort/bookstore?least=much").await.0, 422);
    let (_, csv) = plain.get("/cohort/bookstore/export.csv").await;
    assert_eq!(csv.lines().count(), cohort.len() + 1, "a line per submission: {csv}");
    assert!(csv.starts_with("candidate,source,") && csv.contains("Barbara Liskov,https://127.0.0.1/liskov/store-97,"));
    let two = format!("/compare?before={}&after={}", cohort[0].run, cohort[6].run);
    let (_, page) = plain.get(&two).await;
    assert!(page.contains("Mended and better") && page.contains("<h2>Criteria</h2>"), "{page}");
    assert_eq!(plain.get("/compare?before=&after=").await.0, 422);
    let hopper = house.app.store.run(&cohort[0].run).await.unwrap().candidate.unwrap();
    let (_, page) = plain.get(&format!("/candidates/{hopper}")).await;
    assert!(page.contains("2 attempts") && page.contains("<polyline"), "{page}");
}

#[tokio::test]
async fn a_blind_reviewer_learns_no_name_before_deciding() {
    let house = House::open(true).await;
    let cohort = house.cohort().await;
    let run = &cohort[1].run;
    let candidate = house.app.store.run(run).await.unwrap().candidate.unwrap();
    let plain = Plain::signed_in(&house, "rita").await;
    let two = format!("/compare?before={}&after={}", cohort[0].run, run);
    let pages = [
        "/".to_owned(),
        "/runs".to_owned(),
        "/submit".to_owned(),
        format!("/runs/{run}"),
        format!("/candidates/{candidate}"),
        "/cohort/bookstore".to_owned(),
        "/cohort/bookstore/export.csv".to_owned(),
        two,
    ];
    let digest = house.app.store.spec_in_force("bookstore").await.unwrap().digest;
    for path in pages.iter().chain([&format!("/specs/{digest}"), &format!("/runs/{run}/override?probe=org.hygiene")]) {
        let (status, page) = plain.get(path).await;
        assert_eq!(status, 200, "{path}: {page}");
        for name in ["Turing", "turing", "Hopper", "hopper", "127.0.0.1/"] {
            let page = page.replace(&house.url("/"), "");
            assert!(!page.contains(name), "{path} tells {name}");
        }
    }
    let decision = [("decision", "advance"), ("reason", "Sound work.")];
    let (_, page) = plain.send(&pages[3], &format!("/runs/{run}/decision"), &decision).await;
    assert!(page.contains("Alan Turing") && page.contains("Your decision is kept."), "{page}");
    assert!(!plain.get("/runs").await.1.contains("Hopper"), "others stay hidden");
}

#[tokio::test]
async fn a_changed_assessment_shows_its_effect_before_it_is_put_in_force() {
    let house = House::open(false).await;
    house.cohort().await;
    let plain = Plain::signed_in(&house, "ada").await;
    let present = house.app.store.spec_in_force("bookstore").await.unwrap();
    let (status, page) = plain.send("/specs", "/specs", &[("text", "id: x\nlevel: guru\n")]).await;
    assert_eq!(status, 422);
    assert!(page.contains("role=\"alert\""), "{page}");
    let text = present.text.replacen("weight: 20", "weight: 45", 1).replacen(
        &format!("version: {}", present.version),
        "version: 9.9.9",
        1,
    );
    assert_ne!(text, present.text, "the spec has a version and a criterion of weight 20");
    let (status, page) = plain.send("/specs", "/specs", &[("text", &text)]).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("9.9.9") && page.contains("Effect on past scores") && page.contains("Put it in force"));
    let moved = between(&page, "<dt>Scores that move</dt><dd>", "</dd>").unwrap();
    assert!(moved.parse::<usize>().unwrap() > 0, "{page}");
    assert_eq!(
        house.app.store.spec_in_force("bookstore").await.unwrap().digest,
        present.digest,
        "not before it is asked for"
    );
    let kept = house.app.store.specs(Some("bookstore")).await.unwrap();
    let digest = &kept.iter().find(|spec| spec.version == "9.9.9").unwrap().digest;
    let (_, page) = plain.send(&format!("/specs/{digest}"), &format!("/specs/{digest}/force"), &[]).await;
    assert!(page.contains("in force"), "{page}");
    assert_eq!(&house.app.store.spec_in_force("bookstore").await.unwrap().digest, digest);
    let reviewer = Plain::signed_in(&house, "rita").await;
    assert_eq!(reviewer.send("/", &format!("/specs/{}/force", present.digest), &[]).await.0, 403);
}
