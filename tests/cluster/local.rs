//! A control plane of the test's own. No kubelet runs the webhook's pods: it runs as a process, with the arguments
//! of the Deployment that was applied and as its `ServiceAccount`. No node has the Service's address either: the
//! Service becomes an alias of localhost, and the configuration names the port.

use std::path::PathBuf;

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{Container, Service};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::cluster::{Cluster, Place};
use crate::kubectl::Kubectl;
use crate::support::{Authority, ControlPlane, Options, Scratch, Webhook, free_port};

pub struct Local {
    control_plane: ControlPlane,
    kubectl: Kubectl,
    port: u16,
    args: Vec<String>,
    env: Vec<(String, String)>,
    kubeconfig: PathBuf,
    webhook: Option<Webhook>,
    /// For certificates from files, whose caBundle is written in place of cert-manager.
    authority: Authority,
    folder: Scratch,
}

impl Cluster {
    /// An empty cluster onto which `apply` installs the webhook, into the namespace `home`.
    pub async fn local(home: &str, apply: impl FnOnce(&Kubectl)) -> Self {
        let control_plane = ControlPlane::start(Options::default()).await;
        let kubectl = Kubectl::new(control_plane.kubeconfig());
        apply(&kubectl);
        let local = Local {
            kubectl,
            port: free_port().unwrap(),
            args: Vec::new(),
            env: Vec::new(),
            kubeconfig: PathBuf::new(),
            webhook: None,
            authority: Authority::new("cluster-tests").unwrap(),
            folder: Scratch::new().unwrap(),
            control_plane,
        };
        let client = local.control_plane.client();
        let place = Place::Local(Box::new(local));
        let mut cluster = Self { client, home: home.to_owned(), place };
        cluster.connect().await;
        cluster.take_the_deployment().await;
        cluster.start().await;
        cluster
    }

    /// As a user who installs another overlay over what is there.
    pub async fn apply(&mut self, apply: impl FnOnce(&Kubectl)) {
        apply(&self.local_mut().kubectl);
        self.connect().await;
    }

    /// What the webhook said that it may not do.
    pub fn forbidden(&mut self) -> Vec<String> {
        let log = self.local_mut().webhook().log();
        log.into_iter().filter(|line| line.contains("orbidden")).collect()
    }

    fn local_mut(&mut self) -> &mut Local {
        match &mut self.place {
            Place::Local(local) => local,
            Place::Given(_) => panic!("this is for a control plane of the test's own"),
        }
    }

    /// Leads the API server's calls to the process.
    async fn connect(&mut self) {
        let configuration = self.configuration().await;
        let entries = configuration.webhooks.unwrap_or_default();
        let port = self.local_mut().port;
        let ports = (0..entries.len()).map(|index| {
            let path = format!("/webhooks/{index}/clientConfig/service/port");
            json!({ "op": "add", "path": path, "value": port })
        });
        self.patch_configuration(ports.collect()).await;
        let services: Api<Service> = Api::namespaced(self.client.clone(), &self.home);
        for entry in entries {
            let name = entry.client_config.service.unwrap().name;
            let alias = json!({ "spec": {
                "type": "ExternalName", "externalName": "localhost", "clusterIP": null, "clusterIPs": null,
            }});
            services.patch(&name, &PatchParams::default(), &Patch::Merge(alias)).await.unwrap();
        }
    }

    async fn patch_configuration(&self, operations: Vec<Value>) {
        let name = self.configuration().await.metadata.name.unwrap();
        let patch = serde_json::from_value(operations.into()).unwrap();
        let api: Api<MutatingWebhookConfiguration> = Api::all(self.client.clone());
        api.patch(&name, &PatchParams::default(), &Patch::Json::<()>(patch)).await.unwrap();
    }

    /// Its arguments, environment and rights.
    async fn take_the_deployment(&mut self) {
        let pod = self.deployment().await.spec.template.spec.unwrap();
        let account = pod.service_account_name.expect("a ServiceAccount of its own");
        let container: Container = pod.containers.into_iter().next().unwrap();
        let given = container.args.into_iter().flatten().filter(|arg| {
            let of_the_pod = ["--port", "--metrics-port", "--tls-cert", "--tls-key"];
            let flag = arg.split('=').next().unwrap();
            // The subcommand is the harness's to give.
            flag.starts_with("--") && !of_the_pod.contains(&flag)
        });
        let mut args: Vec<String> = given.collect();
        let home = self.home.clone();
        let from_files = args.iter().any(|arg| arg == "--in-cluster=false");
        if from_files {
            self.inject().await;
        }
        let local = self.local_mut();
        args.push(format!("--port={}", local.port));
        if from_files {
            for (flag, file) in [("--tls-cert", "tls.crt"), ("--tls-key", "tls.key")] {
                args.push(format!("{flag}={}", local.folder.path().join(file).display()));
            }
        } else {
            args.push("--in-cluster=true".to_owned());
        }
        local.args = args;
        let env = container.env.into_iter().flatten().map(|variable| {
            // The one field that an installation asks for is its namespace.
            let value = variable.value.unwrap_or_else(|| home.clone());
            (variable.name, value)
        });
        local.env = env.collect();
        local.kubeconfig =
            local.control_plane.kubeconfig_for_service_account(&home, &account).await;
    }

    /// Does what cert-manager would: a certificate for the Service, and its authority in each caBundle.
    async fn inject(&mut self) {
        let entries = self.configuration().await.webhooks.unwrap();
        let service = entries[0].client_config.service.as_ref().unwrap();
        let name = format!("{}.{}.svc", service.name, service.namespace);
        let local = self.local_mut();
        let pair = local.authority.server(&[&name]).unwrap();
        local.folder.write("tls.crt", &pair.certificate).unwrap();
        local.folder.write("tls.key", &pair.key).unwrap();
        let bundle = k8s_openapi::ByteString(local.authority.pem().as_bytes().to_vec());
        let bundles = (0..entries.len()).map(|index| {
            let path = format!("/webhooks/{index}/clientConfig/caBundle");
            json!({ "op": "add", "path": path, "value": bundle })
        });
        self.patch_configuration(bundles.collect()).await;
    }
}

impl Local {
    pub fn webhook(&self) -> &Webhook {
        self.webhook.as_ref().expect("it was stopped")
    }

    pub fn stop(&mut self) {
        // Dropping kills.
        self.webhook = None;
    }

    pub async fn start(&mut self) {
        let builder = Webhook::builder().kubeconfig(&self.kubeconfig).args(self.args.clone());
        let env = self.env.iter();
        let builder = env.fold(builder, |builder, (name, value)| builder.env(name, value));
        let webhook = builder.start().await;
        webhook.ready().await;
        self.webhook = Some(webhook);
    }
}
