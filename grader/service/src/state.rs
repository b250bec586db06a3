//! What every request of the service shares.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use grader_spec::{BUILT_IN, load_named};
use grader_store::{NewSpec, Store, StoreError};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::auth::Verifier;
use crate::config::ServiceConfig;
use crate::similar::Similar;
use crate::web::{Limiter, Live, Metrics};
use crate::work::{Grade, SourceKeys};

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// Its parts.
pub struct Inner {
    pub store: Store,
    pub config: ServiceConfig,
    /// Cancelled when the service stops: streams end then.
    pub stop: CancellationToken,
    pub(crate) verifier: Verifier,
    pub(crate) limiter: Limiter,
    pub(crate) live: Live,
    pub(crate) metrics: Metrics,
    pub(crate) similar: Similar,
    grade: OnceLock<Arc<dyn Grade>>,
    keys: OnceLock<Arc<dyn SourceKeys>>,
}

impl App {
    /// Puts the service together. The assessments that ship with the program are kept in the store.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not take them.
    pub async fn new(store: Store, config: ServiceConfig, stop: CancellationToken) -> Result<Self, StoreError> {
        for (name, _) in BUILT_IN {
            // A test of the spec crate proves that they load.
            if let Ok(loaded) = load_named(name) {
                store.add_spec(&kept(&loaded.spec, &loaded.text, "grader"), false).await?;
            }
        }
        Ok(App(Arc::new(Inner {
            limiter: Limiter::new(config.rate),
            verifier: Verifier::new(config.sign_in_rate),
            live: Live::new(store.clone(), stop.clone()),
            metrics: Metrics::default(),
            similar: Similar::default(),
            grade: OnceLock::new(),
            keys: OnceLock::new(),
            store,
            config,
            stop,
        })))
    }

    /// Says that this process grades too: then it is ready only while it can.
    pub fn grades_by(&self, grade: Arc<dyn Grade>) {
        // The first one stays.
        let _ = self.grade.set(grade);
    }

    /// Says who holds keys to private sources.
    pub fn fetches_with(&self, keys: Arc<dyn SourceKeys>) {
        // The first one stays.
        let _ = self.keys.set(keys);
    }

    pub(crate) fn keys(&self) -> Option<&Arc<dyn SourceKeys>> {
        self.keys.get()
    }

    pub(crate) fn grade(&self) -> Option<&Arc<dyn Grade>> {
        self.grade.get()
    }
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// A checked assessment as the store keeps it.
pub(crate) fn kept(spec: &grader_spec::Spec, text: &str, by: &str) -> NewSpec {
    NewSpec {
        digest: format!("sha256:{:x}", Sha256::digest(text)),
        name: spec.id.clone(),
        version: spec.version.clone(),
        title: spec.title.clone(),
        level: spec.level.to_string(),
        text: text.to_owned(),
        created_by: by.to_owned(),
    }
}
