//! Authentication and security: accounts, tokens, rights, limits.

mod attempts;
mod cors;
mod enumeration;
mod forbidden;
mod forge;
mod hashes;
mod headers;
mod injection;
mod injection_cases;
mod jwt;
mod limiter;
mod login;
mod mass_assignment;
mod object_access;
mod password_exposure;
mod password_policy;
mod privileges;
mod rate_limit;
mod rate_limit_bypass;
mod rate_limit_retry_after;
mod rate_limit_scope;
mod register;
mod required;
mod support;
mod token_contents;
mod token_expiry;
mod token_secret;
mod token_signature;

use harness_kit::Probe;

/// Within the flood the order matters: the burst first, then what looks at it while its address is still refused.
pub(crate) fn probes() -> Vec<Box<dyn Probe>> {
    vec![
        Box::new(register::Register),
        Box::new(login::Login),
        Box::new(required::Required),
        Box::new(forbidden::Forbidden),
        Box::new(object_access::ObjectAccess),
        Box::new(mass_assignment::MassAssignment),
        Box::new(enumeration::Enumeration),
        Box::new(token_expiry::TokenExpiry),
        Box::new(token_signature::TokenSignature),
        Box::new(token_secret::TokenSecret),
        Box::new(token_contents::TokenContents),
        Box::new(password_policy::PasswordPolicy),
        Box::new(injection::Injection),
        Box::new(cors::Cors),
        Box::new(rate_limit::RateLimit),
        Box::new(rate_limit_scope::RateLimitScope),
        Box::new(rate_limit_bypass::RateLimitBypass),
        Box::new(rate_limit_retry_after::RetryAfter),
        Box::new(password_exposure::PasswordExposure),
        Box::new(headers::Headers),
    ]
}
