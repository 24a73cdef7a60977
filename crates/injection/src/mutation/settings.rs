//! The flags that shape a mutation.

use crate::identity::AnnotationKeys;

/// The flags that name what is read from a pod and what is added to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MutationSettings {
    /// The names of the annotations that are read.
    pub keys: AnnotationKeys,
    /// Where web identity's token is mounted.
    pub token_mount_path: String,
    /// The names and paths for pods with container credentials.
    pub container_credentials: ContainerCredentialsSettings,
}

/// Names and paths for EKS Pod Identity's container credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerCredentialsSettings {
    /// The audience of the token.
    pub audience: String,
    /// Where the token's volume is mounted in a container.
    pub mount_path: String,
    /// The name of the token's volume.
    pub volume_name: String,
    /// The token's file, relative to the volume.
    pub token_path: String,
    /// The URL that SDKs ask for credentials:
    /// `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
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
