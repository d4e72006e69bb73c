{{/*
What the operator may do where its clusters are. Each verb has a use: kinds that it never deletes have no `delete`, Secrets are read by
name and never listed, and pods are never deleted but evicted.
*/}}
{{- define "quorate.clustersRules" -}}
- apiGroups: [quorate.io]
  resources: [consensusclusters]
  verbs: [get, list, watch]
- apiGroups: [quorate.io]
  resources: [consensusclusters/status]
  verbs: [patch]
# Children that it makes, repairs, and removes when they are no longer asked for.
- apiGroups: [""]
  resources: [services, configmaps, persistentvolumeclaims]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors]
  verbs: [get, list, create, patch, delete]
- apiGroups: [cert-manager.io]
  resources: [certificates]
  verbs: [get, list, create, patch, delete]
- apiGroups: [resource.k8s.io]
  resources: [resourceclaimtemplates]
  verbs: [get, list, create, patch, delete]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, list, watch, create, patch, delete]
# The leader's own slice, of which the operator makes the empty one. A Role may grant nothing that its maker does not have.
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch, create, patch, delete]
# It stays as long as the resource does, and goes with it.
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get, list, watch, create, patch]
# `bind` on one role by name, and `escalate` on none: what members may do is what the chart says.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterroles]
  resourceNames: [quorate-member]
  verbs: [bind]
# Pods are looked at, evicted through the Eviction API, resized in place, and get a new image where the node is a sidecar.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch]
- apiGroups: [""]
  resources: [pods/resize]
  verbs: [patch]
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
# The Secret that `spec.tls` names: with its authority members are trusted.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
- apiGroups: [""]
  resources: [events]
  verbs: [list, create]
{{- end -}}

{{/* What is of the whole Kubernetes and cannot be granted in a namespace. */}}
{{- define "quorate.placesRules" -}}
- apiGroups: [""]
  resources: [nodes, persistentvolumes]
  verbs: [list]
# Whether a volume can grow: looked up only when one is asked to.
- apiGroups: [storage.k8s.io]
  resources: [storageclasses]
  verbs: [get]
{{- end -}}

{{/* Certificates for members: only requests to the one signer can be approved and signed. */}}
{{- define "quorate.signingRules" -}}
- apiGroups: [certificates.k8s.io]
  resources: [certificatesigningrequests]
  verbs: [get, list, watch]
- apiGroups: [certificates.k8s.io]
  resources: [certificatesigningrequests/approval, certificatesigningrequests/status]
  verbs: [update]
- apiGroups: [certificates.k8s.io]
  resources: [signers]
  resourceNames: [quorate.io/member]
  verbs: [approve, sign]
{{- end -}}

{{/* Its own webhook: which authority the API server is to trust. */}}
{{- define "quorate.injectionRules" -}}
- apiGroups: [admissionregistration.k8s.io]
  resources: [mutatingwebhookconfigurations]
  resourceNames: [{{ include "quorate.injection" . }}]
  verbs: [get, patch]
{{- end -}}

{{/* Its own namespace: the Lease, and the authorities' keys. */}}
{{- define "quorate.ownRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, create, update]
{{- if not .Values.watchNamespaces }}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, create, update, delete]
{{- end }}
{{- end -}}
