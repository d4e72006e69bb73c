{{- define "quorate.name" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else if contains "quorate" .Release.Name -}}
{{ printf "%s-operator" (.Release.Name | trunc 43 | trimSuffix "-") }}
{{- else -}}
{{ printf "%s-quorate-operator" (.Release.Name | trunc 35 | trimSuffix "-") }}
{{- end -}}
{{- end -}}

{{/* Names of cluster-scoped objects: two installations in two namespaces may have one release's name. */}}
{{- define "quorate.clusterName" -}}
{{ printf "%s-%s" .Release.Namespace (include "quorate.name" .) }}
{{- end -}}

{{/* Name of the webhook's configuration, and of the Secret with its own certificate. */}}
{{- define "quorate.injection" -}}
{{ printf "%s-injection" (include "quorate.clusterName" .) }}
{{- end -}}

{{/* A webhook is of the whole Kubernetes: an operator of some namespaces has none. */}}
{{- define "quorate.injects" -}}
{{ and .Values.injection.enabled (not .Values.watchNamespaces) }}
{{- end -}}

{{- define "quorate.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "quorate.name" .) }}
{{- end -}}

{{- define "quorate.selector" -}}
app.kubernetes.io/name: quorate-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "quorate.labels" -}}
{{ include "quorate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: quorate
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- end -}}

{{- define "quorate.tag" -}}
{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "quorate.image" -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" .Values.image.repository (include "quorate.tag" .) }}
{{- end -}}
{{- end -}}

{{/* As Pod Security `restricted` asks, and with nothing to write to but /tmp. */}}
{{- define "quorate.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "quorate.podSecurity" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end -}}
