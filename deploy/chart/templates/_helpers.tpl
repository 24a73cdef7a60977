{{- define "webhook.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 54: a Service's name has 63 characters at most, and -metrics follows. */}}
{{- define "webhook.fullname" -}}
{{- $name := include "webhook.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 54 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 54 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 54 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Of pods; never changes, since a Deployment's selector can't. */}}
{{- define "webhook.selectorLabels" -}}
app.kubernetes.io/name: {{ include "webhook.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "webhook.labels" -}}
{{- with .Values.commonLabels }}
{{- toYaml . }}
{{ end -}}
{{ include "webhook.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Takes the root, and the object's own annotations and labels. */}}
{{- define "webhook.metadata" -}}
labels:
  {{- include "webhook.labels" .root | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (default (dict) .annotations) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "webhook.serviceAccountName" -}}
{{- if .Values.serviceAccount.name }}
{{- .Values.serviceAccount.name }}
{{- else if .Values.serviceAccount.create }}
{{- include "webhook.fullname" . }}
{{- else -}}
default
{{- end }}
{{- end }}

{{- define "webhook.secretName" -}}
{{- if .Values.certificates.secretName }}
{{- .Values.certificates.secretName }}
{{- else if eq .Values.certificates.mode "self-managed" }}
{{- include "webhook.fullname" . }}
{{- else if eq .Values.certificates.mode "cert-manager" }}
{{- include "webhook.fullname" . }}-tls
{{- else }}
{{- fail "certificates.mode is existing-secret, but no Secret is named: set certificates.secretName to one with tls.crt and tls.key" }}
{{- end }}
{{- end }}

{{- define "webhook.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* The ConfigMaps with files; empty where there is none. */}}
{{- define "webhook.containerCredentials" -}}
{{- if .Values.containerCredentials.existingConfigMap }}
{{- if .Values.containerCredentials.identities }}
{{- fail "set either containerCredentials.identities or containerCredentials.existingConfigMap, not both" }}
{{- end }}
{{- .Values.containerCredentials.existingConfigMap }}
{{- else if .Values.containerCredentials.identities }}
{{- include "webhook.fullname" . }}-container-credentials
{{- end }}
{{- end }}

{{- define "webhook.clients" -}}
{{- if .Values.clientCertificates.existingConfigMap }}
{{- if .Values.clientCertificates.ca }}
{{- fail "set either clientCertificates.ca or clientCertificates.existingConfigMap, not both" }}
{{- end }}
{{- .Values.clientCertificates.existingConfigMap }}
{{- else if .Values.clientCertificates.ca }}
{{- include "webhook.fullname" . }}-clients
{{- else if .Values.clientCertificates.allowedNames }}
{{- fail "clientCertificates.allowedNames needs an authority: set clientCertificates.ca or clientCertificates.existingConfigMap" }}
{{- end }}
{{- end }}

{{/* A flag's value as the program reads it: numbers of YAML are floats, and lists go with commas. */}}
{{- define "webhook.flagValue" -}}
{{- if kindIs "float64" . }}
{{- int64 . }}
{{- else if kindIs "slice" . }}
{{- join "," . }}
{{- else }}
{{- . }}
{{- end }}
{{- end }}

{{- define "webhook.args" -}}
- serve
- --port={{ .Values.ports.https }}
- --metrics-port={{ .Values.ports.metrics }}
- --namespace={{ .Release.Namespace }}
{{- if eq .Values.certificates.mode "self-managed" }}
- --service-name={{ include "webhook.fullname" . }}
- --tls-secret={{ include "webhook.secretName" . }}
- --webhook-config-name={{ include "webhook.fullname" . }}
{{- else }}
- --in-cluster=false
- --tls-cert=/etc/webhook/certs/tls.crt
- --tls-key=/etc/webhook/certs/tls.key
{{- end }}
{{- if include "webhook.clients" . }}
- --client-ca-file=/etc/webhook/clients/{{ .Values.clientCertificates.key }}
{{- with .Values.clientCertificates.allowedNames }}
- {{ printf "--client-allowed-names=%s" (join "," .) | quote }}
{{- end }}
{{- end }}
{{- if or .Values.configMap.watch .Values.configMap.identities }}
- --watch-config-map=true
{{- end }}
{{- if include "webhook.containerCredentials" . }}
- --watch-container-credentials-config=/etc/webhook/container-credentials/{{ .Values.containerCredentials.key }}
{{- end }}
{{- range $name, $value := .Values.flags }}
{{- if not (kindIs "invalid" $value) }}
- {{ printf "--%s=%s" $name (include "webhook.flagValue" $value) | quote }}
{{- end }}
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}
