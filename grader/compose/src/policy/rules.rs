//! The rules: a stable identifier and what it says.

use serde::Serialize;

/// A rule's stable identifier, `policy.privileged` for example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct RuleId(pub(super) &'static str);

impl RuleId {
    /// The identifier as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl std::fmt::Display for RuleId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.0)
    }
}

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its identifier.
    pub id: RuleId,
    /// What it says, without a full stop.
    pub sentence: &'static str,
}

macro_rules! rules {
    ($($name:ident $id:literal $sentence:literal;)*) => {
        $(pub(super) const $name: Rule = Rule { id: RuleId($id), sentence: $sentence };)*
        /// Every rule.
        pub const RULES: &[Rule] = &[$($name),*];
    };
}

rules! {
    NOT_ALLOWED "policy.not_allowed" "the attribute is not on the list of what the sandbox does";
    PRIVILEGED "policy.privileged" "a privileged container is as good as the host";
    PRIVILEGED_HOOK "policy.privileged_hook" "a privileged hook is as good as the host";
    CAPABILITIES "policy.capabilities" "no container gets more capabilities than the sandbox gives each";
    DEVICES "policy.devices" "devices of the host stay on the host";
    HOST_NAMESPACE "policy.host_namespace" "namespaces of the host and of other containers are not shared";
    SECURITY_OPT "policy.security_opt" "the sandbox's own confinement is not loosened";
    SYSCTL "policy.sysctl" "only a short list of harmless kernel parameters may be set";
    HOST_BIND "policy.host_bind" "nothing outside the submission is mounted";
    DOCKER_SOCKET "policy.docker_socket" "whoever talks to the engine is as good as the host";
    SYMLINK "policy.symlink" "a symbolic link is not followed";
    PATH_OUTSIDE "policy.path_outside" "a path leaves the submission";
    REMOTE "policy.remote" "nothing is fetched from elsewhere";
    BUDGET "policy.budget" "the document is larger than the sandbox reads";
    PROPAGATION "policy.propagation" "mounts do not reach back to the host";
    MOUNT_TYPE "policy.mount_type" "only files of the submission, volumes and memory are mounted";
    VOLUME_DRIVER "policy.volume_driver" "volumes are those of the engine itself";
    DRIVER_OPTIONS "policy.driver_options" "options of a driver can mount the host or another machine";
    NETWORK_DRIVER "policy.network_driver" "networks are bridges of the run's own";
    EXTERNAL "policy.external" "a run uses nothing that it did not make";
    HOST_GATEWAY "policy.host_gateway" "there is no way to the host";
    BUILD_NETWORK "policy.build_network" "a build has no network of the host or of a container";
    BUILD_CACHE "policy.build_cache" "a build's cache is not written to elsewhere";
    BUILD_SSH "policy.build_ssh" "no key of the host is handed to a build";
    BUILD_ENTITLEMENTS "policy.build_entitlements" "a build gets no rights beyond the ordinary";
    PROVIDER "policy.provider" "programs of the host are not run";
    MODELS "policy.models" "models of the host are not run";
    RUNTIME "policy.runtime" "the runtime is the sandbox's choice";
    CREDENTIALS "policy.credentials" "credentials of the host are not handed out";
    RESOURCES "policy.resources" "a container has no claim on the host's scheduler or disks";
    CONTAINERS "policy.containers" "a stack has at most 32 containers";
}
