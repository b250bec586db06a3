//! What every page has: who looks at it, the frame around it, and errors as pages.

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use grader_store::{Scope, StoreError};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::auth::Principal;
use crate::state::App;
use crate::web::Problem;

/// The frame of a page. Field names are those that `layout.html` uses.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    pub(super) title: String,
    /// Who is signed in.
    pub(super) who: Option<String>,
    pub(super) links: Vec<Link>,
    /// What forms carry.
    pub(super) csrf: String,
}

/// A link of the main navigation.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) href: String,
    pub(super) text: &'static str,
    pub(super) current: bool,
}

impl Frame {
    /// For somebody who is not signed in.
    pub(super) fn outside(title: &str) -> Self {
        Frame { title: title.to_owned(), ..Frame::default() }
    }
}

/// Somebody who is signed in and looks at a page; whoever is not is sent to sign in first.
pub(super) struct Visitor {
    pub(super) principal: Principal,
    default_spec: String,
    path: String,
}

impl Visitor {
    /// The frame of a page with this title.
    pub(super) fn frame(&self, title: impl Into<String>) -> Frame {
        let link = |href: String, text, begins: &[&str]| Link {
            current: begins.iter().any(|begin| self.path == *begin || self.path.starts_with(&format!("{begin}/"))),
            href,
            text,
        };
        let mut links = vec![link("/".to_owned(), "Queue", &[]), link("/runs".to_owned(), "Runs", &["/runs"])];
        links[0].current = self.path == "/";
        links.push(link(format!("/cohort/{}", self.default_spec), "Cohort", &["/cohort"]));
        links.push(link("/specs".to_owned(), "Assessments", &["/specs"]));
        if self.may(Scope::Submit) {
            links.push(link("/submit".to_owned(), "Hand in", &["/submit"]));
        }
        Frame {
            title: title.into(),
            who: Some(self.principal.name.clone()),
            links,
            csrf: self.principal.csrf().to_owned(),
        }
    }

    pub(super) fn may(&self, scope: Scope) -> bool {
        self.principal.scopes.has(scope)
    }

    /// Whether a form may do this: it came from our own page, and its sender has the scope.
    ///
    /// # Errors
    /// A 403 page.
    pub(super) fn sent(&self, csrf: &str, scope: Scope) -> Result<(), PageError> {
        self.principal.check_csrf(csrf)?;
        Ok(self.principal.need(scope)?)
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let principal = <Option<Principal> as FromRequestParts<App>>::from_request_parts(parts, app).await;
        let path = parts.uri.path().to_owned();
        match principal.map_err(|problem| PageError::from(problem).into_response())? {
            Some(principal) => {
                principal.need(Scope::Read).map_err(|problem| PageError::from(problem).into_response())?;
                Ok(Visitor { principal, default_spec: app.config.default_spec.clone(), path })
            }
            None => {
                // A form that was sent after the session ended cannot be sent on.
                let next = if parts.method == Method::GET {
                    parts.uri.path_and_query().map_or("/", |whole| whole.as_str())
                } else {
                    "/"
                };
                let next = utf8_percent_encode(next, NON_ALPHANUMERIC);
                Err(Redirect::to(&format!("/login?next={next}")).into_response())
            }
        }
    }
}

/// An error as a page.
#[derive(Debug)]
pub(super) struct PageError(Problem);

impl From<Problem> for PageError {
    fn from(problem: Problem) -> Self {
        PageError(problem)
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        PageError(error.into())
    }
}

impl From<askama::Error> for PageError {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, "a page could not be rendered");
        PageError(Problem::internal())
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    status: u16,
    title: String,
    detail: String,
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let problem = self.0;
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let page = ProblemPage {
            frame: Frame::outside(&problem.title),
            status: problem.status,
            title: problem.title.clone(),
            detail: problem.detail.clone(),
        };
        match page.render() {
            Ok(page) => (status, Html(page)).into_response(),
            Err(_) => problem.into_response(),
        }
    }
}

/// A page, or the error that kept it from being one.
pub(super) type Shown = Result<Response, PageError>;

/// Renders a page.
///
/// # Errors
/// A 500 page, logged.
pub(super) fn page(template: &impl Template) -> Shown {
    Ok(Html(template.render()?).into_response())
}

/// The same for a form that was sent with something wrong in it.
///
/// # Errors
/// As [`page`].
pub(super) fn refused(template: &impl Template) -> Shown {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(template.render()?)).into_response())
}

/// Sends the browser on after a form.
pub(super) fn go(path: &str) -> Response {
    Redirect::to(path).into_response()
}
