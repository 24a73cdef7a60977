//! The flags that shape a mutation.

use crate::identity::AnnotationKeys;

/// Names and paths that do not depend on the identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MutationSettings {
    pub keys: AnnotationKeys,
    /// Where web identity's token is mounted.
    pub token_mount_path: String,
    pub container_credentials: ContainerCredentialsSettings,
}

/// Names and paths for EKS Pod Identity's container credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerCredentialsSettings {
    pub audience: String,
    pub mount_path: String,
    pub volume_name: String,
    pub token_path: String,
    pub full_uri: String,
}

impl Default for MutationSettings {
    fn default() -> Self {
        Self {
            keys: AnnotationKeys::default(),
            token_mount_path: "/var/run/secrets/eks.amazonaws.com/serviceaccount".to_owned(),
            container_credentials: ContainerCredentialsSettings::default(),
        }
    }
}

impl Default for ContainerCredentialsSettings {
    fn default() -> Self {
        Self {
            audience: "pods.eks.amazonaws.com".to_owned(),
            mount_path: "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount".to_owned(),
            volume_name: "eks-pod-identity-token".to_owned(),
            token_path: "eks-pod-identity-token".to_owned(),
            full_uri: "http://169.254.170.23/v1/credentials".to_owned(),
        }
    }
}
