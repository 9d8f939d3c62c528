{{/* Name of the Deployment and of what belongs to it. */}}
{{- define "etherply.fullname" -}}
{{- $name := default "etherply-operator" .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if eq .Release.Name "etherply" -}}
{{- $name -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Name of what is of no namespace: several releases can each watch namespaces of their own. */}}
{{- define "etherply.clusterScopedName" -}}
{{- if .Values.watchNamespaces -}}
{{- printf "%s-%s" .Release.Namespace (include "etherply.fullname" .) -}}
{{- else -}}
{{- include "etherply.fullname" . -}}
{{- end -}}
{{- end -}}

{{- define "etherply.serviceAccountName" -}}
{{- default (ternary (include "etherply.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{/* The Secret with the certificate of the metrics API. */}}
{{- define "etherply.metricsApiSecretName" -}}
{{- default (printf "%s-metrics-api" (include "etherply.fullname" .)) .Values.metricsApi.certificate.secretName -}}
{{- end -}}

{{- define "etherply.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* What selects the operator's pods. It can never change. */}}
{{- define "etherply.selectorLabels" -}}
app.kubernetes.io/name: etherply-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "etherply.labels" -}}
{{ include "etherply.selectorLabels" . }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: etherply
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What Kubernetes calls `restricted`. The user is the image's. */}}
{{- define "etherply.podSecurityContext" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "etherply.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
