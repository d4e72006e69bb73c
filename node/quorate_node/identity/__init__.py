"""The member's key and certificate, where it makes the key itself and asks Kubernetes for the certificate."""
