//! A task tracker in memory whose routes are flat: the record above is named in the body of a create and in the query of
//! a list, as its style says. It must know neither how binding works nor how it is served.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Where a create names the record above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Told {
    Body,
    /// As an object with the key: `{"project": {"id": 7}}`.
    Object,
    Query,
    /// In the body, and records above nothing are taken as well.
    Optional,
}

/// How a list takes the record above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Listed {
    /// Refused without.
    Required,
    /// All that the account may see comes without.
    Optional,
    /// Nothing comes without.
    Empty,
    /// Not at all: always everything that the account may see.
    Never,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) told: Told,
    pub(crate) listed: Listed,
    /// What the record above is called: `project` as `project_id`.
    pub(crate) spell: fn(&str) -> String,
    /// What a membership calls the account: `user_id`, or `email`.
    pub(crate) member: &'static str,
    /// Status and body of a refusal of a request that misses these.
    pub(crate) refuse: fn(&[&str]) -> (u16, Value),
    /// Whether keys are UUIDs, not numbers.
    pub(crate) uuids: bool,
    /// Whether reading, changing and deleting a record want the query, too.
    pub(crate) on_records: bool,
    /// Whether records are changed by a PUT of the whole, which refuses the record above.
    pub(crate) fixed: bool,
    /// Whether whoever is signed in sees the tasks of any project.
    pub(crate) open: bool,
}

/// Who belongs to it, what it is below, and the record.
#[derive(Debug, Clone)]
struct Held {
    kind: &'static str,
    above: Option<String>,
    record: Map<String, Value>,
}

#[derive(Debug)]
pub(crate) struct Tracker {
    pub(crate) style: Style,
    accounts: Vec<(String, String)>,
    /// Project and account.
    members: Vec<(String, String)>,
    /// By kind and key.
    held: BTreeMap<(&'static str, String), Held>,
    made: BTreeMap<&'static str, usize>,
}

type Said = (u16, Value);

const KINDS: [(&str, &str, &str); 2] = [("task", "/tasks", "project"), ("comment", "/comments", "task")];

impl Tracker {
    pub(crate) fn new(style: Style) -> Self {
        Tracker { style, accounts: Vec::new(), members: Vec::new(), held: BTreeMap::new(), made: BTreeMap::new() }
    }

    /// The answer to a request: status and JSON, `Null` for no body.
    pub(crate) fn answer(&mut self, method: &str, target: &str, authorization: &str, body: &[u8]) -> Said {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query: BTreeMap<String, String> =
            query.split('&').filter_map(|pair| pair.split_once('=')).map(|(n, v)| (n.into(), v.into())).collect();
        let body = match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(body)) => body,
            _ if body.is_empty() => Map::new(),
            _ => return told(400, "the body is no JSON object"),
        };
        match (method, path) {
            ("POST", "/auth/register") => return self.register(&body),
            ("POST", "/auth/login") => return self.login(&body),
            _ => {}
        }
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        if !["projects", "memberships", "tasks", "comments"].contains(&segments[0]) || segments.len() > 2 {
            return told(404, "there is nothing here");
        }
        let Some(who) = self.account(authorization) else { return told(401, "sign in first") };
        let flat = KINDS.into_iter().find(|(_, collection, _)| collection[1..] == *segments[0]);
        match (method, segments.as_slice(), flat) {
            ("POST", ["projects"], _) => self.create_project(&who, &body),
            ("GET", ["projects"], _) => {
                let mine = self.of("project").filter(|held| self.is_member(&who, &key(&held.record)));
                (200, mine.map(|held| Value::Object(held.record.clone())).collect())
            }
            ("GET", ["projects", id], _) => self.one(&who, "project", id).unwrap_or_else(|no| no),
            ("POST", ["memberships"], _) => self.join(&who, &body),
            ("POST", [_], Some((kind, _, above))) => self.create(&who, kind, above, &query, body),
            ("GET", [_], Some((kind, _, above))) => self.list(&who, kind, above, &query),
            (_, [_, id], Some((kind, _, above))) => {
                let scope = (self.style.spell)(above);
                if self.style.on_records && !query.contains_key(&scope) {
                    return (self.style.refuse)(&[scope.as_str()]);
                }
                self.on_record(&who, method, kind, id, body)
            }
            _ => told(405, "not so"),
        }
    }

    fn register(&mut self, body: &Map<String, Value>) -> Said {
        let missing: Vec<&str> = ["email", "password", "name"].into_iter().filter(|n| !body.contains_key(*n)).collect();
        if !missing.is_empty() {
            return (self.style.refuse)(&missing);
        }
        let (email, password) = (text(body, "email"), text(body, "password"));
        if self.accounts.iter().any(|(known, _)| *known == email) {
            return told(409, "known already");
        }
        self.accounts.push((email.clone(), password));
        (201, json!({"id": self.accounts.len(), "email": email}))
    }

    fn login(&self, body: &Map<String, Value>) -> Said {
        let given = (text(body, "email"), text(body, "password"));
        match self.accounts.iter().position(|known| *known == given) {
            Some(at) => (200, json!({"access_token": format!("opaque-token-of-account-number-{at}-0123456789")})),
            None => told(401, "no such account"),
        }
    }

    /// The key of the account that is signed in.
    fn account(&self, authorization: &str) -> Option<String> {
        let rest = authorization.strip_prefix("Bearer opaque-token-of-account-number-")?;
        let at: usize = rest.strip_suffix("-0123456789")?.parse().ok()?;
        (at < self.accounts.len()).then(|| (at + 1).to_string())
    }

    fn of(&self, kind: &'static str) -> impl Iterator<Item = &Held> {
        self.held.values().filter(move |held| held.kind == kind)
    }

    fn is_member(&self, who: &str, project: &str) -> bool {
        self.members.iter().any(|(of, account)| of == project && account == who)
    }

    /// Whether an account may see a record: it belongs to its project, or to none.
    fn may(&self, who: &str, held: &Held) -> bool {
        let project = match (held.kind, &held.above) {
            ("project", _) => Some(key(&held.record)),
            ("task", above) => above.clone(),
            (_, Some(task)) => {
                return self.held.get(&("task", task.clone())).is_none_or(|task| self.may(who, task));
            }
            (_, None) => None,
        };
        project.is_none_or(|project| self.is_member(who, &project))
    }

    fn one(&self, who: &str, kind: &'static str, id: &str) -> Result<Said, Said> {
        let Some(held) = self.held.get(&(kind, id.to_owned())) else { return Err(told(404, "no such record")) };
        let is_open = self.style.open && kind == "task";
        if !is_open && !self.may(who, held) {
            return Err(told(403, "not a member"));
        }
        Ok((200, Value::Object(held.record.clone())))
    }

    /// Keeps a record under a fresh key. Keys of each kind are counted apart, so that they meet.
    fn keep(&mut self, kind: &'static str, above: Option<String>, mut record: Map<String, Value>) -> Said {
        let made = self.made.entry(kind).or_default();
        *made += 1;
        let id = match self.style.uuids {
            true => json!(format!("{made:08x}-0000-4000-8000-{:012x}", kind.len())),
            false => json!(made),
        };
        record.insert("id".to_owned(), id);
        self.held.insert((kind, key(&record)), Held { kind, above, record: record.clone() });
        (201, Value::Object(record))
    }

    fn create_project(&mut self, who: &str, body: &Map<String, Value>) -> Said {
        if !body.contains_key("name") {
            return (self.style.refuse)(&["name"]);
        }
        let said = self.keep("project", None, [("name".to_owned(), body["name"].clone())].into_iter().collect());
        self.members.push((said.1["id"].as_str().map_or(said.1["id"].to_string(), str::to_owned), who.to_owned()));
        said
    }

    fn join(&mut self, who: &str, body: &Map<String, Value>) -> Said {
        let project = (self.style.spell)("project");
        let member = self.style.member;
        let missing: Vec<&str> = [project.as_str(), member].into_iter().filter(|n| !body.contains_key(*n)).collect();
        if !missing.is_empty() {
            return (self.style.refuse)(&missing);
        }
        let key = scalar(&body[&project]);
        if let Err(no) = self.one(who, "project", &key) {
            return no;
        }
        let given = scalar(&body[member]);
        let known = |(at, (email, _)): (usize, &(String, String))| {
            let id = (at + 1).to_string();
            (*email == given || id == given).then_some(id)
        };
        let Some(account) = self.accounts.iter().enumerate().find_map(known) else {
            return told(422, "no such account");
        };
        self.members.push((key, account));
        (201, json!({"project": body[&project], member: body[member]}))
    }

    fn create(
        &mut self,
        who: &str,
        kind: &'static str,
        above: &'static str,
        query: &BTreeMap<String, String>,
        body: Map<String, Value>,
    ) -> Said {
        let name = (self.style.spell)(above);
        let given = match self.style.told {
            Told::Body | Told::Optional => body.get(&name).filter(|value| !value.is_object()).map(scalar),
            Told::Object => body.get(&name).and_then(|value| value.get("id")).map(scalar),
            Told::Query => query.get(&name).cloned(),
        };
        let wanted: &[&str] = if kind == "task" { &["title", "estimate"] } else { &["body"] };
        let mut missing: Vec<&str> = wanted.iter().copied().filter(|name| !body.contains_key(*name)).collect();
        if given.is_none() && self.style.told != Told::Optional {
            missing.push(&name);
        }
        if !missing.is_empty() {
            return (self.style.refuse)(&missing);
        }
        if kind == "task" && !body["estimate"].is_u64() || body[wanted[0]].as_str().is_none_or(str::is_empty) {
            return told(422, "that is no sound value");
        }
        if let Some(given) = &given
            && let Err(no) = self.one(who, above, given).and_then(|said| {
                let held = &self.held[&(above, given.clone())];
                if self.may(who, held) { Ok(said) } else { Err(told(403, "not a member")) }
            })
        {
            return no;
        }
        let mut record: Map<String, Value> =
            wanted.iter().map(|name| ((*name).to_owned(), body[*name].clone())).collect();
        let shown = given.as_ref().map(|given| self.held[&(above, given.clone())].record["id"].clone());
        record.insert(name, shown.unwrap_or_default());
        self.keep(kind, given, record)
    }

    fn list(&self, who: &str, kind: &'static str, above: &'static str, query: &BTreeMap<String, String>) -> Said {
        let name = (self.style.spell)(above);
        let given = query.get(&name).filter(|_| self.style.listed != Listed::Never);
        match (given, self.style.listed) {
            (None, Listed::Required) => return (self.style.refuse)(&[name.as_str()]),
            (None, Listed::Empty) => return (200, json!([])),
            (Some(given), _) => {
                if let Err(no) = self.one(who, above, given) {
                    return no;
                }
            }
            _ => {}
        }
        let is_open = self.style.open && kind == "task";
        let fits = |held: &&Held| match given {
            Some(given) => held.above.as_ref() == Some(given) && (is_open || self.may(who, held)),
            None => self.may(who, held),
        };
        let all: Vec<Value> = self.of(kind).filter(fits).map(|held| Value::Object(held.record.clone())).collect();
        let number = |name: &str| query.get(name).and_then(|value| value.parse::<usize>().ok());
        let size = number("limit").unwrap_or(50).clamp(1, 100);
        let skip = number("page").unwrap_or(1).saturating_sub(1).saturating_mul(size);
        (200, json!({"total": all.len(), "items": all.into_iter().skip(skip).take(size).collect::<Vec<_>>()}))
    }

    fn on_record(&mut self, who: &str, method: &str, kind: &'static str, id: &str, body: Map<String, Value>) -> Said {
        let found = match self.one(who, kind, id) {
            Ok(found) => found,
            Err(no) => return no,
        };
        let slot = (kind, id.to_owned());
        if method == "GET" {
            return found;
        }
        if !self.may(who, &self.held[&slot]) {
            return told(403, "not a member");
        }
        match method {
            "DELETE" => {
                self.held.remove(&slot);
                (204, Value::Null)
            }
            "PUT" if self.style.fixed => {
                let above = (self.style.spell)("project");
                if body.contains_key(&above) {
                    return (400, json!({"message": [format!("property {above} should not exist")]}));
                }
                self.change(&slot, body)
            }
            "PATCH" if !self.style.fixed => {
                if let Some(assignee) = body.get("assignee_id") {
                    let project = self.held[&slot].above.clone().unwrap_or_default();
                    if !self.is_member(&scalar(assignee), &project) {
                        return told(422, "not a member of the project");
                    }
                }
                self.change(&slot, body)
            }
            _ => told(405, "not so"),
        }
    }

    fn change(&mut self, slot: &(&'static str, String), body: Map<String, Value>) -> Said {
        let Some(held) = self.held.get_mut(slot) else { return told(404, "no such record") };
        let known = ["title", "estimate", "body", "assignee_id"];
        held.record.extend(body.into_iter().filter(|(name, _)| known.contains(&name.as_str())));
        (200, Value::Object(held.record.clone()))
    }
}

fn told(status: u16, message: &str) -> Said {
    (status, json!({"code": status, "message": message}))
}

fn text(body: &Map<String, Value>, name: &str) -> String {
    body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn key(record: &Map<String, Value>) -> String {
    record.get("id").map(scalar).unwrap_or_default()
}
