"""The operator as the issuer of the members' certificates: its CAs, their keys, and the requests that it answers."""
