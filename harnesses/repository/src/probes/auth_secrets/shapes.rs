//! Tokens that tell themselves by their shape: one row each, after gitleaks' rules (`config/gitleaks.toml`) as far as those
//! need no name beside the value. Keys for a vendor's test mode open nothing and have no row.

use std::sync::LazyLock;

use regex::Regex;

/// What it is; parts of which a text with such a token has one; the whole, whose first group is the value.
const SHAPES: &[(&str, &[&str], &str)] = &[
    ("an AWS access key", &["AKIA", "ASIA", "ABIA", "ACCA"], r"\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b"),
    ("an AWS Bedrock key", &["ABSK"], r"\b(ABSK[A-Za-z0-9+/]{109,269}={0,2})"),
    ("a GitHub token", &["gh", "github_pat_"], r"\b((?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{36})\b"),
    ("a GitHub token", &["gh", "github_pat_"], r"\b(github_pat_[A-Za-z0-9_]{60,90})\b"),
    ("a GitLab token", &["glpat-"], r"\b(glpat-[A-Za-z0-9_-]{20,300})\b"),
    ("a GitLab token", &["glptt-"], r"\b(glptt-[a-f0-9]{40})\b"),
    (
        "a GitLab token",
        &["gldt-", "glrt-", "glft-", "glffct-", "glimt-", "glsoat-", "GR1348941"],
        r"\b((?:(?:gldt|glrt|glft|glffct|glimt|glsoat)-|GR1348941)[A-Za-z0-9_-]{20,40})\b",
    ),
    ("a GitLab token", &["glcbt-"], r"\b(glcbt-[A-Za-z0-9]{1,5}_[A-Za-z0-9_-]{20})\b"),
    ("a GitLab token", &["glagent-", "gloas-"], r"\b((?:glagent-[A-Za-z0-9_-]{50}|gloas-[A-Za-z0-9_-]{64}))\b"),
    ("a Slack token", &["xox"], r"\b(xox[abeoprs][.-][A-Za-z0-9-]{20,180})\b"),
    (
        "a Slack webhook",
        &["hooks.slack.com"],
        r"(https://hooks\.slack\.com/(?:services|workflows|triggers)/T[A-Z0-9]{6,14}/[AB]?[A-Z0-9]{6,14}/[A-Za-z0-9/]{20,50})",
    ),
    ("a Stripe key", &["_live_"], r"\b((?:sk|rk)_live_[A-Za-z0-9]{20,120})\b"),
    ("a Google API key", &["AIza"], r"\b(AIza[A-Za-z0-9_-]{35})\b"),
    ("an npm token", &["npm_"], r"\b(npm_[A-Za-z0-9]{36})\b"),
    ("a PyPI token", &["pypi-AgEI"], r"\b(pypi-AgEI[A-Za-z0-9_-]{50,200})\b"),
    ("a SendGrid key", &["SG."], r"\b(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})\b"),
    ("a Telegram bot token", &[":AA"], r"\b([0-9]{8,10}:AA[A-Za-z0-9_-]{33})\b"),
    ("an OpenAI key", &["sk-"], r"\b(sk-(?:proj-)?[A-Za-z0-9_-]{40,200})\b"),
    ("a DigitalOcean token", &["_v1_"], r"\b(do[por]_v1_[a-f0-9]{64})\b"),
    ("a Twilio key", &["SK"], r"\b(SK[0-9a-f]{32})\b"),
    ("a Docker Hub token", &["dckr_pat_"], r"\b(dckr_pat_[A-Za-z0-9_-]{27})\b"),
    ("an Anthropic key", &["sk-ant-"], r"\b(sk-ant-(?:api|admin)\d{2}-[A-Za-z0-9_-]{80,120})"),
    ("a Hugging Face token", &["hf_", "api_org_"], r"\b((?:hf|api_org)_[A-Za-z]{34})\b"),
    ("a Shopify token", &["shp"], r"\b(shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32})\b"),
    ("a Square token", &["EAAA", "sq0"], r"\b((?:EAAA|sq0atp-|sq0csp-)[A-Za-z0-9_-]{22,60})\b"),
    ("a Mailgun key", &["key-"], r"\b(key-[a-f0-9]{32})\b"),
    ("a Mailchimp key", &["-us"], r"\b([a-f0-9]{32}-us\d{1,2})\b"),
    ("a Postman key", &["PMAK-"], r"\b(PMAK-[A-Fa-f0-9]{24}-[A-Fa-f0-9]{34})\b"),
    ("a New Relic key", &["NRAK-"], r"\b(NRAK-[A-Z0-9]{27})\b"),
    ("a Databricks token", &["dapi"], r"\b(dapi[a-f0-9]{32}(?:-\d)?)\b"),
    ("a Doppler token", &["dp.pt."], r"\b(dp\.pt\.[A-Za-z0-9]{43})\b"),
    ("a Linear key", &["lin_api_"], r"\b(lin_api_[A-Za-z0-9]{40})\b"),
    ("a RubyGems key", &["rubygems_"], r"\b(rubygems_[a-f0-9]{48})\b"),
    ("a Pulumi token", &["pul-"], r"\b(pul-[a-f0-9]{40})\b"),
    ("a Vault token", &["hvs.", "hvb."], r"\b(hv[sb]\.[A-Za-z0-9_-]{90,300})"),
    ("a Sentry token", &["sntry"], r"\b(sntry[su]_[A-Za-z0-9+/=_-]{60,300})"),
    ("an Atlassian token", &["ATATT3"], r"\b(ATATT3[A-Za-z0-9_=-]{180,200})"),
    ("a Slack app token", &["xapp-"], r"\b(xapp-\d-[A-Z0-9]+-\d+-[a-z0-9]{20,80})\b"),
    (
        "a Discord webhook",
        &["/api/webhooks/"],
        r"(https://discord(?:app)?\.com/api/webhooks/\d{17,20}/[A-Za-z0-9_-]{60,70})",
    ),
    (
        "a Teams webhook",
        &["webhook.office.com"],
        r"(https://[a-z0-9-]+\.webhook\.office\.com/webhookb2/[a-z0-9@/-]{80,200})",
    ),
    ("an age secret key", &["AGE-SECRET-KEY-1"], r"\b(AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58})\b"),
    ("a Grafana token", &["glsa_"], r"\b(glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8})\b"),
    ("a Netlify token", &["nfp_"], r"\b(nfp_[A-Za-z0-9]{36})\b"),
    ("a Figma token", &["figd_"], r"\b(figd_[A-Za-z0-9_-]{40})\b"),
    ("a Google OAuth secret", &["GOCSPX-"], r"\b(GOCSPX-[A-Za-z0-9_-]{28})\b"),
    ("a Razorpay key", &["rzp_live_"], r"\b(rzp_live_[A-Za-z0-9]{14})\b"),
    ("a Cloudflare origin key", &["v1.0-"], r"\b(v1\.0-[a-f0-9]{24}-[a-f0-9]{146})\b"),
    ("an Azure storage key", &["AccountKey="], r"AccountKey=([A-Za-z0-9+/]{86}==)"),
    ("a Grafana Cloud token", &["glc_"], r"\b(glc_[A-Za-z0-9+/]{32,400}={0,3})"),
    ("a Grafana key", &["eyJrIjoi"], r"\b(eyJrIjoi[A-Za-z0-9]{70,400}={0,3})"),
    (
        "a 1Password secret key",
        &["A3-"],
        r"\b(A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3})\b",
    ),
    ("a 1Password token", &["ops_eyJ"], r"\b(ops_eyJ[A-Za-z0-9+/]{250,1000}={0,3})"),
    ("an Adobe secret", &["p8e-"], r"\b(p8e-[A-Za-z0-9]{32})\b"),
    ("an Airtable token", &["pat"], r"\b(pat[A-Za-z0-9]{14}\.[a-f0-9]{64})\b"),
    ("an Alibaba access key", &["LTAI"], r"\b(LTAI[A-Za-z0-9]{20})\b"),
    ("an Artifactory key", &["AKCp", "cmVmd"], r"\b(AKCp[A-Za-z0-9]{69}|cmVmd[A-Za-z0-9]{59})\b"),
    ("an Azure client secret", &["Q~"], r"(?:^|[^\w~.-])([A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34})(?:$|[^\w~.-])"),
    ("a Brevo key", &["xkeysib-"], r"\b(xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16})\b"),
    ("a Clojars token", &["CLOJARS_"], r"\b(CLOJARS_[a-z0-9]{60})\b"),
    ("a Duffel token", &["duffel_live_"], r"\b(duffel_live_[A-Za-z0-9_=-]{43})"),
    ("a Dynatrace token", &["dt0c01."], r"\b(dt0c01\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{64})\b"),
    ("an EasyPost key", &["EZAK"], r"\b(EZAK[A-Za-z0-9]{54})\b"),
    ("a Facebook page token", &["EAAM", "EAAC"], r"\b(EAA[MC][A-Za-z0-9]{100,400})\b"),
    ("a Fly.io token", &["fo1_", "fm1", "fm2_"], r"\b(fo1_[\w-]{43}|(?:fm1[ar]|fm2)_[A-Za-z0-9+/]{100,600}={0,3})"),
    ("a Frame.io token", &["fio-u-"], r"\b(fio-u-[A-Za-z0-9_=-]{64})"),
    ("a Harness key", &["pat.", "sat."], r"\b((?:pat|sat)\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20})\b"),
    ("a Heroku key", &["HRKU-AA"], r"\b(HRKU-AA[A-Za-z0-9_-]{58})\b"),
    ("an Infracost key", &["ico-"], r"\b(ico-[A-Za-z0-9]{32})\b"),
    ("a MaxMind key", &["_mmk"], r"\b([A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk)\b"),
    ("a Notion token", &["ntn_"], r"\b(ntn_[0-9]{11}[A-Za-z0-9]{35})\b"),
    ("an Octopus key", &["API-"], r"\b(API-[A-Z0-9]{26})\b"),
    ("an OpenShift token", &["sha256~"], r"\b(sha256~[\w-]{43})(?:$|[^\w-])"),
    ("a Perplexity key", &["pplx-"], r"\b(pplx-[A-Za-z0-9]{48})\b"),
    ("a PlanetScale credential", &["pscale_"], r"\b(pscale_(?:tkn|oauth|pw)_[A-Za-z0-9_=.-]{32,64})"),
    ("a Prefect key", &["pnu_"], r"\b(pnu_[A-Za-z0-9]{36})\b"),
    ("a ReadMe key", &["rdme_"], r"\b(rdme_[a-z0-9]{70})\b"),
    ("a Scalingo token", &["tk-us-"], r"\b(tk-us-[A-Za-z0-9_-]{48})\b"),
    ("a SettleMint token", &["sm_"], r"\b(sm_(?:aat|pat|sat)_[A-Za-z0-9]{16})\b"),
    ("a Shippo token", &["shippo_live_"], r"\b(shippo_live_[a-fA-F0-9]{40})\b"),
    ("a Sourcegraph token", &["sgp_"], r"\b(sgp_(?:(?:[a-fA-F0-9]{16}|local)_)?[a-fA-F0-9]{40})\b"),
    ("a Terraform Cloud token", &[".atlasv1."], r"\b([A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70})"),
];

static COMPILED: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    SHAPES
        .iter()
        .filter_map(|(what, parts, pattern)| Some(Shape { what, parts, pattern: Regex::new(pattern).ok()? }))
        .collect()
});

/// A token's shape: what it is, parts of which a text with such a token has one, and the whole.
pub(super) struct Shape {
    pub(super) what: &'static str,
    parts: &'static [&'static str],
    pub(super) pattern: Regex,
}

/// The shapes that a text may have: those of which a part stands in it.
pub(super) fn likely(text: &str) -> impl Iterator<Item = &'static Shape> {
    COMPILED.iter().filter(|shape| shape.parts.iter().any(|part| text.contains(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0123456789abcdef";
    const LOWER: &str = "0123456789abcdefghijklmnopqrstuvwxyz";
    const UPPER: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const BOTH: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    /// A value that is no secret, and that stands in no file: made anew each time from a counter.
    fn made(alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            letters[usize::try_from(state % letters.len() as u64).unwrap()]
        };
        (0..length).map(|_| next()).collect()
    }

    fn named(text: &str) -> Vec<&'static str> {
        likely(text).filter(|shape| shape.pattern.is_match(text)).map(|shape| shape.what).collect()
    }

    #[test]
    fn every_pattern_is_one_and_gives_the_value() {
        assert_eq!(COMPILED.len(), SHAPES.len());
        assert!(COMPILED.len() >= 80, "{}", COMPILED.len());
        for shape in COMPILED.iter() {
            assert_eq!(shape.pattern.captures_len(), 2, "{}", shape.what);
        }
    }

    #[test]
    fn tokens_are_told_by_their_shape() {
        for (start, alphabet, length, end, what) in [
            ("ABIA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16, "", "an AWS access key"),
            ("ABSK", BOTH, 120, "", "an AWS Bedrock key"),
            ("glptt-", HEX, 40, "", "a GitLab token"),
            ("glrt-", BOTH, 20, "", "a GitLab token"),
            ("GR1348941", BOTH, 20, "", "a GitLab token"),
            ("glcbt-64_", BOTH, 20, "", "a GitLab token"),
            ("gloas-", BOTH, 64, "", "a GitLab token"),
            ("xoxe-1-", UPPER, 146, "", "a Slack token"),
            ("https://hooks.slack.com/workflows/T", UPPER, 9, "/A0B1C2D3E/4f6c91d2545ab0e7c38d", "a Slack webhook"),
            ("api_org_", LETTERS, 34, "", "a Hugging Face token"),
            ("glc_", BOTH, 60, "", "a Grafana Cloud token"),
            ("p8e-", LOWER, 32, "", "an Adobe secret"),
            ("LTAI", BOTH, 20, "", "an Alibaba access key"),
            ("AKCp", BOTH, 69, "", "an Artifactory key"),
            ("aB17Q~", BOTH, 32, "", "an Azure client secret"),
            ("xkeysib-", HEX, 64, "-a1b2c3d4e5f6g7h8", "a Brevo key"),
            ("CLOJARS_", LOWER, 60, "", "a Clojars token"),
            ("duffel_live_", BOTH, 43, "", "a Duffel token"),
            ("EZAK", BOTH, 54, "", "an EasyPost key"),
            ("EAAM", BOTH, 120, "", "a Facebook page token"),
            ("fo1_", BOTH, 43, "", "a Fly.io token"),
            ("fm2_", BOTH, 120, "", "a Fly.io token"),
            ("fio-u-", BOTH, 64, "", "a Frame.io token"),
            ("HRKU-AA", BOTH, 58, "", "a Heroku key"),
            ("ico-", BOTH, 32, "", "an Infracost key"),
            ("a1B2c3_", BOTH, 29, "_mmk", "a MaxMind key"),
            ("ntn_27182818284", BOTH, 35, "", "a Notion token"),
            ("API-", UPPER, 26, "", "an Octopus key"),
            ("sha256~", BOTH, 43, "", "an OpenShift token"),
            ("pplx-", BOTH, 48, "", "a Perplexity key"),
            ("pscale_pw_", BOTH, 43, "", "a PlanetScale credential"),
            ("pnu_", BOTH, 36, "", "a Prefect key"),
            ("rdme_", LOWER, 70, "", "a ReadMe key"),
            ("tk-us-", BOTH, 48, "", "a Scalingo token"),
            ("sm_pat_", BOTH, 16, "", "a SettleMint token"),
            ("shippo_live_", HEX, 40, "", "a Shippo token"),
            ("sgp_", HEX, 40, "", "a Sourcegraph token"),
            ("a1B2c3D4e5F6g7.atlasv1.", BOTH, 66, "", "a Terraform Cloud token"),
        ] {
            let value = format!("{start}{}{end}", made(alphabet, length));
            assert_eq!(named(&format!("key = '{value}'")), [what], "{value}");
            let short = format!("{start}{}", made(alphabet, length.min(12)));
            assert_eq!(named(&format!("key = '{short}'")), Vec::<&str>::new(), "{short}");
        }
        let dotted = format!("dt0c01.{}.{}", made(UPPER, 24), made(UPPER, 64));
        assert_eq!(named(&dotted), ["a Dynatrace token"]);
        let dotted = format!("pat.{}.{}.{}", made(BOTH, 22), made(HEX, 24), made(BOTH, 20));
        assert_eq!(named(&dotted), ["a Harness key"]);
        let dotted = format!("pat{}.{}", made(BOTH, 14), made(HEX, 64));
        assert_eq!(named(&dotted), ["an Airtable token"]);
        let dashed = format!("A3-{0}-{1}-{2}-{2}-{2}", made(UPPER, 6), made(UPPER, 11), made(UPPER, 5));
        assert_eq!(named(&dashed), ["a 1Password secret key"]);
    }

    #[test]
    fn names_and_digests_are_no_tokens() {
        for text in [
            "import { API_KEYS } from './api-keys';",
            "API-DOCUMENTATION-OF-THE-SERVICE",
            "integrity sha256-4xG1nHhB1kYVb6zTbB5yJq8rP0o3m2l1k0j9i8h7g6f=",
            "image: api@sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
            "class=\"sk-circle sk-circle-fade\"",
            "patch.0.1 pattern.compile(path.join(dir, name))",
            "sm_screen_breakpoint",
        ] {
            assert_eq!(named(text), Vec::<&str>::new(), "{text}");
        }
    }
}
