//! A control plane of the test's own. No kubelet runs the webhook's pods: it runs as a process, with the arguments
//! of the Deployment that was applied and as its `ServiceAccount`. No node has the Service's address either: the
//! Service becomes an alias of localhost, and the configuration names the port.

use std::path::PathBuf;

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{Container, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::cluster::{Cluster, Place};
use super::kubectl::Kubectl;
use crate::support::{
    Authority, Builder, Call, ControlPlane, Options, Scratch, Webhook, free_port,
};

pub struct Local {
    control_plane: ControlPlane,
    kubectl: Kubectl,
    port: u16,
    args: Vec<String>,
    env: Vec<(String, String)>,
    kubeconfig: PathBuf,
    /// The namespace and the name of its `ServiceAccount`.
    user: (String, String),
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
            user: Default::default(),
            webhook: None,
            authority: Authority::new("cluster-tests").unwrap(),
            folder: Scratch::new().unwrap(),
            control_plane,
        };
        let client = local.control_plane.client();
        let place = Place::Local(Box::new(local));
        let mut cluster = Self { client, home: home.to_owned(), place };
        cluster.leads_to_the_pods().await;
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

    /// What the webhook asked of the API server and was refused.
    pub fn forbidden(&self) -> Vec<Call> {
        let mut calls = self.as_local().calls();
        assert!(!calls.is_empty(), "the audit log knows of no call");
        calls.retain(|call| !call.granted);
        calls
    }

    pub fn as_local(&self) -> &Local {
        match &self.place {
            Place::Local(local) => local,
            Place::Given(_) => panic!("this is for a control plane of the test's own"),
        }
    }

    fn local_mut(&mut self) -> &mut Local {
        match &mut self.place {
            Place::Local(local) => local,
            Place::Given(_) => panic!("this is for a control plane of the test's own"),
        }
    }

    /// That the Service would find the pods, were there nodes to run them.
    async fn leads_to_the_pods(&self) {
        let template = self.deployment().await.spec.template;
        let labels = template.metadata.unwrap().labels.unwrap();
        let ports = template.spec.unwrap().containers.remove(0).ports.unwrap();
        let ports: Vec<_> = ports.into_iter().filter_map(|port| port.name).collect();
        let services: Api<Service> = Api::namespaced(self.client.clone(), &self.home);
        for entry in self.configuration().await.webhooks.unwrap() {
            let service = services.get(&entry.client_config.service.unwrap().name).await.unwrap();
            let spec = service.spec.unwrap();
            for (key, value) in spec.selector.unwrap() {
                assert_eq!(labels.get(&key), Some(&value), "{key} selects no pod");
            }
            let [port] = <[_; 1]>::try_from(spec.ports.unwrap()).unwrap();
            let IntOrString::String(target) = port.target_port.unwrap() else {
                panic!("the port has no name");
            };
            assert!(port.port == 443 && ports.contains(&target), "{target} is none of {ports:?}");
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
        local.user = (home, account);
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

    pub fn control_plane(&self) -> &ControlPlane {
        &self.control_plane
    }

    /// What it has asked of the API server so far.
    pub fn calls(&self) -> Vec<Call> {
        self.control_plane.calls(&self.user.0, &self.user.1)
    }

    /// The command line of another replica, on ports of its own.
    pub fn replica(&self) -> Builder {
        let builder = Webhook::builder().kubeconfig(&self.kubeconfig).args(self.args.clone());
        let env = self.env.iter();
        env.fold(builder, |builder, (name, value)| builder.env(name, value))
    }

    /// The command line of one that is asked by the tests themselves: they know its certificate.
    pub fn with_files(&self) -> Builder {
        let managed = |arg: &&String| arg.starts_with("--in-cluster=");
        let args = self.args.iter().filter(|arg| !managed(arg)).cloned();
        let builder = Webhook::builder().kubeconfig(&self.kubeconfig).args(args);
        let env = self.env.iter();
        env.fold(builder, |builder, (name, value)| builder.env(name, value))
    }

    pub fn stop(&mut self) {
        // Dropping kills.
        self.webhook = None;
    }

    pub async fn start(&mut self) {
        let webhook = self.replica().arg(format!("--port={}", self.port)).start().await;
        webhook.ready().await;
        self.webhook = Some(webhook);
    }
}
