{{/* Names have a prefix: a chart and its dependencies share one namespace of templates. */}}
{{- define "pod-identity-webhook.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 54: a Service's name has at most 63 characters, and -metrics is appended. */}}
{{- define "pod-identity-webhook.fullname" -}}
{{- $name := include "pod-identity-webhook.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 54 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 54 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 54 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Labels of the pods. They never change, because a Deployment's selector is immutable. */}}
{{- define "pod-identity-webhook.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pod-identity-webhook.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "pod-identity-webhook.labels" -}}
{{ include "pod-identity-webhook.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Arguments: root, and the object's own annotations and labels. */}}
{{- define "pod-identity-webhook.metadata" -}}
labels:
  {{- include "pod-identity-webhook.labels" .root | nindent 2 }}
  {{- with merge (dict) (default (dict) .labels) .root.Values.commonLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (default (dict) .annotations) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "pod-identity-webhook.serviceAccountName" -}}
{{- if .Values.serviceAccount.name }}
{{- .Values.serviceAccount.name }}
{{- else if .Values.serviceAccount.create }}
{{- include "pod-identity-webhook.fullname" . }}
{{- else -}}
default
{{- end }}
{{- end }}

{{/* The pods' user name at the API server. */}}
{{- define "pod-identity-webhook.user" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "pod-identity-webhook.serviceAccountName" . }}
{{- end }}

{{- define "pod-identity-webhook.secretName" -}}
{{- if .Values.certificates.secretName }}
{{- .Values.certificates.secretName }}
{{- else if eq .Values.certificates.mode "self-managed" }}
{{- include "pod-identity-webhook.fullname" . }}
{{- else if eq .Values.certificates.mode "cert-manager" }}
{{- include "pod-identity-webhook.fullname" . }}-tls
{{- else }}
{{- fail "certificates.mode is existing-secret, but the Secret's name is missing: set certificates.secretName to a Secret with tls.crt and tls.key" }}
{{- end }}
{{- end }}

{{- define "pod-identity-webhook.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* Names of the ConfigMaps with files; empty if there is none. */}}
{{- define "pod-identity-webhook.containerCredentials" -}}
{{- if .Values.containerCredentials.existingConfigMap }}
{{- if .Values.containerCredentials.identities }}
{{- fail "set either containerCredentials.identities or containerCredentials.existingConfigMap, not both" }}
{{- end }}
{{- .Values.containerCredentials.existingConfigMap }}
{{- else if .Values.containerCredentials.identities }}
{{- include "pod-identity-webhook.fullname" . }}-container-credentials
{{- end }}
{{- end }}

{{- define "pod-identity-webhook.clients" -}}
{{- if .Values.clientCertificates.existingConfigMap }}
{{- if .Values.clientCertificates.ca }}
{{- fail "set either clientCertificates.ca or clientCertificates.existingConfigMap, not both" }}
{{- end }}
{{- .Values.clientCertificates.existingConfigMap }}
{{- else if .Values.clientCertificates.ca }}
{{- include "pod-identity-webhook.fullname" . }}-clients
{{- else if .Values.clientCertificates.allowedNames }}
{{- fail "clientCertificates.allowedNames needs a CA: set clientCertificates.ca or clientCertificates.existingConfigMap" }}
{{- end }}
{{- end }}

{{/* Formats a flag's value for the program: YAML numbers are floats, and lists become comma-separated. */}}
{{- define "pod-identity-webhook.flagValue" -}}
{{- if kindIs "float64" . }}
{{- int64 . }}
{{- else if kindIs "slice" . }}
{{- join "," . }}
{{- else }}
{{- . }}
{{- end }}
{{- end }}

{{- define "pod-identity-webhook.args" -}}
{{- if eq (int .Values.ports.https) (int .Values.ports.metrics) }}
{{- fail "ports.https and ports.metrics are equal: set one of them to another port" }}
{{- end -}}
- serve
- --port={{ .Values.ports.https }}
- --metrics-port={{ .Values.ports.metrics }}
- --namespace={{ .Release.Namespace }}
{{- if eq .Values.certificates.mode "self-managed" }}
- --service-name={{ include "pod-identity-webhook.fullname" . }}
- --tls-secret={{ include "pod-identity-webhook.secretName" . }}
- --webhook-config-name={{ include "pod-identity-webhook.fullname" . }}
{{- else }}
- --in-cluster=false
- --tls-cert=/etc/webhook/certs/tls.crt
- --tls-key=/etc/webhook/certs/tls.key
{{- end }}
{{- if include "pod-identity-webhook.clients" . }}
- --client-ca-file=/etc/webhook/clients/{{ .Values.clientCertificates.key }}
{{- with .Values.clientCertificates.allowedNames }}
- {{ printf "--client-allowed-names=%s" (join "," .) | quote }}
{{- end }}
{{- end }}
{{- if or .Values.configMap.watch .Values.configMap.identities }}
- --watch-config-map=true
{{- end }}
{{- if include "pod-identity-webhook.containerCredentials" . }}
- --watch-container-credentials-config=/etc/webhook/container-credentials/{{ .Values.containerCredentials.key }}
{{- end }}
{{- with .Values.audit.interval }}
- --audit-interval={{ . }}
- --audit-lease-name={{ include "pod-identity-webhook.fullname" $ }}-audit
{{- if ne $.Values.certificates.mode "self-managed" }}
- --webhook-config-name={{ include "pod-identity-webhook.fullname" $ }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.flags }}
{{- if not (kindIs "invalid" $value) }}
- {{ printf "--%s=%s" $name (include "pod-identity-webhook.flagValue" $value) | quote }}
{{- end }}
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}
