//! A bookstore in memory that spells everything as its style says: what submissions look like from outside. It must not
//! know how binding works.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::refusals::{Problem, Refusals};

/// Method and path; `{id}` stands for a record's key.
pub(crate) type Route = (&'static str, &'static str);

/// How sessions are read.
#[derive(Clone, Copy)]
pub(crate) enum Reads {
    Bearer,
    Raw,
    Cookie(&'static str),
    Header(&'static str),
}

#[derive(Clone, Copy)]
pub(crate) enum Paging {
    None,
    SkipLimit,
    PageSizeFromZero,
}

/// How an order takes its lines.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Lines {
    Together,
    /// Put into a cart beforehand: the route that puts one, the one that empties it.
    Cart(Route, Route),
    /// Added to an order that was begun empty.
    Added(Route),
}

#[derive(Clone)]
pub(crate) struct Style {
    pub(crate) register: Route,
    pub(crate) login: Route,
    pub(crate) books: [Route; 5],
    pub(crate) authors: Option<Route>,
    pub(crate) orders: [Route; 2],
    pub(crate) lines: Lines,
    /// The array of an order's lines, and what a line calls the book and the quantity.
    pub(crate) line_names: [&'static str; 3],
    /// Further members that an order insists on.
    pub(crate) order_insists: &'static [&'static str],
    /// Identity and secret at registration, and further members that it insists on.
    pub(crate) account: [&'static str; 2],
    pub(crate) insists: &'static [&'static str],
    /// Identity and secret at login, and whether they come as a form.
    pub(crate) login_names: [&'static str; 2],
    pub(crate) login_form: bool,
    pub(crate) token: fn(&str) -> Value,
    pub(crate) reads: Reads,
    /// Title, author, ISBN, price and stock.
    pub(crate) names: [&'static str; 5],
    pub(crate) cents: bool,
    pub(crate) record: fn(Value) -> Value,
    pub(crate) list: fn(Vec<Value>, usize) -> Value,
    pub(crate) paging: Paging,
    pub(crate) refusals: Refusals,
    /// Whether members that nobody asked for are ignored.
    pub(crate) ignores: bool,
    /// Where the account that is signed in is read.
    pub(crate) me: Option<Route>,
    /// Whether a PATCH is taken only with every member, as some have it.
    pub(crate) whole_patches: bool,
    /// The host that requests have to name.
    pub(crate) host: Option<&'static str>,
    /// The status of every registration, where it breaks down.
    pub(crate) broken_registration: bool,
    /// Whether creating a book answers nothing of it, and paths name books by their ISBN, or by a number nobody is told.
    pub(crate) silent_creates: Option<Named>,
}

/// What a path names a book by.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Named {
    ByIsbn,
    ByNumber,
}

impl Default for Style {
    fn default() -> Self {
        Style {
            register: ("POST", "/auth/register"),
            login: ("POST", "/auth/login"),
            books: [
                ("POST", "/books"),
                ("GET", "/books"),
                ("GET", "/books/{id}"),
                ("PUT", "/books/{id}"),
                ("DELETE", "/books/{id}"),
            ],
            authors: None,
            orders: [("POST", "/orders"), ("GET", "/orders/{id}")],
            lines: Lines::Together,
            line_names: ["items", "book_id", "quantity"],
            order_insists: &[],
            account: ["email", "password"],
            insists: &[],
            login_names: ["email", "password"],
            login_form: false,
            token: |token| json!({ "access_token": token }),
            reads: Reads::Bearer,
            names: ["title", "author", "isbn", "price", "stock"],
            cents: false,
            record: |record| record,
            list: |records, _| Value::Array(records),
            paging: Paging::None,
            refusals: Refusals::Pydantic,
            ignores: false,
            me: None,
            whole_patches: false,
            host: None,
            broken_registration: false,
            silent_creates: None,
        }
    }
}

#[derive(Default)]
struct Records {
    accounts: BTreeMap<String, String>,
    books: BTreeMap<u64, Value>,
    authors: BTreeMap<u64, Value>,
    orders: BTreeMap<u64, Value>,
    cart: Vec<Value>,
    made: u64,
}

pub(crate) struct Shop {
    style: Style,
    records: Mutex<Records>,
}

const TOKEN: &str = "opaque-0123456789abcdef0123456789abcdef";

/// The shop as a service.
pub(crate) fn router(style: Style) -> axum::Router {
    axum::Router::new().fallback(serve).with_state(Arc::new(Shop { style, records: Mutex::default() }))
}

async fn serve(State(shop): State<Arc<Shop>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    shop.answer(method.as_str(), &uri, &headers, &body)
}

/// The key in a path that fits a route's template; empty where the template has none.
fn fits(template: &str, path: &str) -> Option<String> {
    match template.split_once("{id}") {
        None => (template == path).then(String::new),
        Some((before, after)) => {
            let key = path.strip_prefix(before)?.strip_suffix(after)?;
            (!key.is_empty() && !key.contains('/')).then(|| key.to_owned())
        }
    }
}

impl Shop {
    fn answer(&self, method: &str, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Response {
        let style = &self.style;
        let named = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if style.host.is_some_and(|host| named.split(':').next() != Some(host)) {
            return answered(400, json!({"detail": "Invalid HTTP_HOST header"}));
        }
        let routes: Vec<Route> = [style.register, style.login]
            .into_iter()
            .chain(style.books)
            .chain(style.orders)
            .chain(style.authors)
            .collect();
        let steps = match style.lines {
            Lines::Together => Vec::new(),
            Lines::Cart(put, clear) => vec![put, clear],
            Lines::Added(add) => vec![add],
        };
        let path = uri.path();
        if style.me.is_some_and(|(verb, template)| verb == method && template == path) {
            let records = self.records.lock().expect("no test breaks while it holds the lock");
            let account = records.accounts.keys().next().filter(|_| self.is_signed_in(headers)).cloned();
            return account.map_or_else(
                || answered(401, json!({"detail": "Not authenticated"})),
                |account| answered(200, json!({"id": 1, "email": account})),
            );
        }
        if let Some(at) = steps.iter().position(|(verb, template)| *verb == method && fits(template, path).is_some()) {
            if !self.is_signed_in(headers) {
                return answered(401, json!({"detail": "Not authenticated"}));
            }
            let mut records = self.records.lock().expect("no test breaks while it holds the lock");
            let key = fits(steps[at].1, path).unwrap_or_default();
            return if at == 1 {
                records.cart.clear();
                StatusCode::NO_CONTENT.into_response()
            } else {
                self.put_line(&mut records, &key, body)
            };
        }
        let Some(at) = routes.iter().position(|(verb, template)| *verb == method && fits(template, path).is_some())
        else {
            return misfit(&routes, path);
        };
        let named = fits(routes[at].1, path).unwrap_or_default();
        if !matches!(at, 0 | 1 | 3 | 4) && !self.is_signed_in(headers) {
            return answered(401, json!({"detail": "Not authenticated"}));
        }
        let mut records = self.records.lock().expect("no test breaks while it holds the lock");
        let by_isbn = |(key, book): (&u64, &Value)| (book[style.names[2]] == json!(named)).then_some(*key);
        let key = match style.silent_creates {
            Some(Named::ByIsbn) => records.books.iter().find_map(by_isbn),
            _ => named.parse().ok(),
        }
        .unwrap_or_default();
        match at {
            0 => self.register(&mut records, body),
            1 => self.login(&records, headers, body),
            2 => self.create_book(&mut records, body),
            3 => self.list_books(&records, uri.query().unwrap_or("")),
            4 => found(records.books.get(&key).cloned().map(style.record)),
            5 => self.change_book(&mut records, method, key, body),
            6 => match records.books.remove(&key) {
                Some(_) => StatusCode::NO_CONTENT.into_response(),
                None => found(None),
            },
            7 => self.order(&mut records, body),
            8 => found(records.orders.get(&key).cloned()),
            _ => self.create_author(&mut records, body),
        }
    }

    fn is_signed_in(&self, headers: &HeaderMap) -> bool {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        match self.style.reads {
            Reads::Bearer => header("authorization") == format!("Bearer {TOKEN}"),
            Reads::Raw => header("authorization") == TOKEN,
            Reads::Cookie(name) => header("cookie") == format!("{name}={TOKEN}"),
            Reads::Header(name) => header(name) == TOKEN,
        }
    }

    fn register(&self, records: &mut Records, body: &Bytes) -> Response {
        if self.style.broken_registration {
            return answered(500, json!({"error": "password cannot be longer than 72 bytes"}));
        }
        let [identity, secret] = self.style.account;
        let wanted: Vec<&str> = [identity, secret].into_iter().chain(self.style.insists.iter().copied()).collect();
        let body = match self.read(body, &wanted) {
            Ok(body) => body,
            Err(refusal) => return *refusal,
        };
        let again = ["confirm_password", "password_confirmation"].into_iter().find_map(|name| body.get(name));
        if again.is_some_and(|again| again != &body[secret]) {
            return self.refuse(&[(secret, Problem::Unequal)]);
        }
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        records.accounts.insert(text(identity), text(secret));
        answered(201, json!({"message": "registered"}))
    }

    fn login(&self, records: &Records, headers: &HeaderMap, body: &Bytes) -> Response {
        let names = self.style.login_names;
        let given: Map<String, Value> = if self.style.login_form {
            let is_form =
                headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().ends_with(b"urlencoded"));
            let pairs = if is_form { url::form_urlencoded::parse(body).into_owned().collect() } else { Vec::new() };
            pairs.into_iter().map(|(name, value)| (name, json!(value))).collect()
        } else {
            serde_json::from_slice(body).unwrap_or_default()
        };
        let missing: Vec<_> =
            names.into_iter().filter(|name| !given.contains_key(*name)).map(|name| (name, Problem::Missing)).collect();
        if !missing.is_empty() {
            return self.refuse(&missing);
        }
        let known = records.accounts.get(given[names[0]].as_str().unwrap_or_default()).map(String::as_str);
        if known.is_none() || known != given[names[1]].as_str() {
            return answered(401, json!({"detail": "Invalid credentials"}));
        }
        let mut answer = answered(200, (self.style.token)(TOKEN));
        if let Reads::Cookie(name) = self.style.reads {
            let cookie = format!("{name}={TOKEN}; Path=/; HttpOnly; SameSite=Lax");
            answer.headers_mut().insert(header::SET_COOKIE, cookie.parse().expect("a header's value"));
        }
        answer
    }

    /// A sound book in a body, or the refusal.
    fn book(&self, body: &Bytes) -> Result<Map<String, Value>, Box<Response>> {
        let names = self.style.names;
        let book = self.read(body, &names)?;
        if self.style.cents && !book[names[3]].is_u64() {
            return Err(Box::new(self.refuse(&[(names[3], Problem::NotWhole)])));
        }
        Ok(book)
    }

    fn create_book(&self, records: &mut Records, body: &Bytes) -> Response {
        let mut book = match self.book(body) {
            Ok(book) => book,
            Err(refusal) => return *refusal,
        };
        if self.style.authors.is_some()
            && !book[self.style.names[1]].as_u64().is_some_and(|author| records.authors.contains_key(&author))
        {
            return answered(404, json!({"detail": "no such author"}));
        }
        records.made += 1;
        book.insert("id".to_owned(), json!(records.made));
        records.books.insert(records.made, Value::Object(book.clone()));
        if self.style.silent_creates.is_some() {
            return answered(200, json!({"message": "Book has been added."}));
        }
        answered(201, (self.style.record)(Value::Object(book)))
    }

    /// PUT replaces the whole, PATCH changes what it is given.
    fn change_book(&self, records: &mut Records, method: &str, key: u64, body: &Bytes) -> Response {
        let Some(known) = records.books.get_mut(&key) else { return found(None) };
        let whole = if method == "PATCH" && !self.style.whole_patches {
            let mut whole = known.as_object().cloned().unwrap_or_default();
            whole.remove("id");
            whole.extend(serde_json::from_slice::<Map<String, Value>>(body).unwrap_or_default());
            Bytes::from(Value::Object(whole).to_string())
        } else {
            body.clone()
        };
        match self.book(&whole) {
            Ok(mut book) => {
                book.insert("id".to_owned(), json!(key));
                *known = Value::Object(book);
                answered(200, (self.style.record)(known.clone()))
            }
            Err(refusal) => *refusal,
        }
    }

    fn create_author(&self, records: &mut Records, body: &Bytes) -> Response {
        match self.read(body, &["name"]) {
            Ok(mut author) => {
                records.made += 1;
                author.insert("id".to_owned(), json!(records.made));
                records.authors.insert(records.made, Value::Object(author.clone()));
                answered(201, Value::Object(author))
            }
            Err(refusal) => *refusal,
        }
    }

    fn list_books(&self, records: &Records, query: &str) -> Response {
        let query: BTreeMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let number = |name: &str| query.get(name).and_then(|value| value.parse::<usize>().ok());
        let (skip, take) = match self.style.paging {
            Paging::None => (0, usize::MAX),
            Paging::SkipLimit => (number("skip").unwrap_or(0), number("limit").unwrap_or(100)),
            Paging::PageSizeFromZero => {
                let size = number("size").unwrap_or(20);
                (number("page").unwrap_or(0) * size, size)
            }
        };
        let page = records.books.values().skip(skip).take(take).cloned().collect();
        answered(200, (self.style.list)(page, records.books.len()))
    }

    fn order(&self, records: &mut Records, body: &Bytes) -> Response {
        let mut wanted = self.style.order_insists.to_vec();
        wanted.extend((self.style.lines == Lines::Together).then_some(self.style.line_names[0]));
        let body = match self.read(body, &wanted) {
            Ok(body) => body,
            Err(refusal) => return *refusal,
        };
        let lines = match self.style.lines {
            Lines::Together => body[self.style.line_names[0]].as_array().cloned().unwrap_or_default(),
            Lines::Cart(..) if records.cart.is_empty() => return answered(409, json!({"detail": "Cart is empty"})),
            Lines::Cart(..) => std::mem::take(&mut records.cart),
            Lines::Added(_) => Vec::new(),
        };
        let total = match self.total(records, &lines) {
            Ok(total) => total,
            Err(refusal) => return *refusal,
        };
        records.made += 1;
        let order = json!({"id": records.made, "status": "placed", "total": total, "items": lines});
        records.orders.insert(records.made, order.clone());
        answered(201, order)
    }

    fn total(&self, records: &Records, lines: &[Value]) -> Result<f64, Box<Response>> {
        let mut total = 0.0;
        for line in lines {
            let (Some(book), Some(quantity)) =
                (line[self.style.line_names[1]].as_u64(), line[self.style.line_names[2]].as_f64())
            else {
                return Err(Box::new(self.refuse(&[("book_id", Problem::Missing)])));
            };
            let Some(book) = records.books.get(&book) else { return Err(Box::new(found(None))) };
            total += book[self.style.names[3]].as_f64().unwrap_or_default() * quantity;
        }
        Ok(total)
    }

    /// Puts a line into the cart, or adds it to the order with that key.
    fn put_line(&self, records: &mut Records, key: &str, body: &Bytes) -> Response {
        let in_path = matches!(self.style.lines, Lines::Cart((_, path), _) if path.contains("{id}"));
        let wanted: &[&str] = if in_path { &["quantity"] } else { &["book_id", "quantity"] };
        let mut line = match self.read(body, wanted) {
            Ok(line) => line,
            Err(refusal) => return *refusal,
        };
        if in_path {
            line.insert("book_id".to_owned(), json!(key.parse::<u64>().unwrap_or_default()));
        }
        let line = Value::Object(line);
        let sum = match self.total(records, std::slice::from_ref(&line)) {
            Ok(sum) => sum,
            Err(refusal) => return *refusal,
        };
        if let Lines::Cart(..) = self.style.lines {
            records.cart.push(line.clone());
        } else {
            let Some(order) = key.parse().ok().and_then(|key: u64| records.orders.get_mut(&key)) else {
                return found(None);
            };
            order["total"] = json!(order["total"].as_f64().unwrap_or_default() + sum);
            order["items"].as_array_mut().expect("an order has lines").push(line.clone());
        }
        answered(201, json!({"id": 77, "line": line}))
    }

    /// The members of a JSON body that has to hold exactly `wanted`.
    fn read(&self, body: &Bytes, wanted: &[&'static str]) -> Result<Map<String, Value>, Box<Response>> {
        let body: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
        let missing = wanted.iter().filter(|name| !body.contains_key(**name)).map(|name| (*name, Problem::Missing));
        let unknown =
            body.keys().filter(|name| !wanted.contains(&name.as_str())).map(|name| (name.as_str(), Problem::Unknown));
        let unknown = unknown.filter(|_| !self.style.ignores);
        let problems: Vec<(&str, Problem)> = missing.chain(unknown).collect();
        if problems.is_empty() { Ok(body) } else { Err(Box::new(self.refuse(&problems))) }
    }

    fn refuse(&self, problems: &[(&str, Problem)]) -> Response {
        let (status, body) = self.style.refusals.write(problems);
        answered(status, body)
    }
}

/// 404, 405, or the redirect of frameworks that add or take the slash at the end.
fn misfit(routes: &[Route], path: &str) -> Response {
    if routes.iter().any(|(_, template)| fits(template, path).is_some()) {
        return answered(405, json!({"detail": "Method Not Allowed"}));
    }
    let other = path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned);
    if routes.iter().any(|(_, template)| fits(template, &other).is_some()) {
        return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, other)]).into_response();
    }
    found(None)
}

fn found(record: Option<Value>) -> Response {
    match record {
        Some(record) => answered(200, record),
        None => answered(404, json!({"detail": "Not Found"})),
    }
}

fn answered(status: u16, body: Value) -> Response {
    (StatusCode::from_u16(status).expect("a status"), axum::Json(body)).into_response()
}
