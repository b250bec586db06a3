//! Runs the probes that a spec writes in place: its steps as requests and statements, with evidence like any other probe's.
//!
//! What a step means and what an answer must be is the spec crate's; this sends and looks.

mod run;
mod values;

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::Spec;
use grader_spec::custom::CustomProbe;
use harness_kit::{Context, Phase, Probe, Stop};

/// The custom probes of a spec, in its order.
pub fn probes(spec: &Spec) -> Vec<Box<dyn Probe>> {
    spec.probes()
        .filter_map(|(_, probe)| {
            let custom = probe.custom.clone()?;
            // Ids live as long as the process, which runs one spec.
            let id: &'static str = probe.id.clone().leak();
            Some(Box::new(Written { id, custom }) as Box<dyn Probe>)
        })
        .collect()
}

/// A probe as the spec writes it.
struct Written {
    id: &'static str,
    custom: CustomProbe,
}

#[async_trait]
impl Probe for Written {
    fn id(&self) -> &'static str {
        self.id
    }

    /// Statements need the database, which the probes of that family find; bursts come after what they could disturb.
    fn phase(&self) -> Phase {
        let steps = &self.custom.steps;
        if steps.iter().any(|step| step.at_once) {
            Phase::Load
        } else if steps.iter().any(|step| step.sql.is_some()) {
            Phase::Late
        } else {
            Phase::Attack
        }
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        run::run(ctx, self.id, &self.custom).await
    }
}
