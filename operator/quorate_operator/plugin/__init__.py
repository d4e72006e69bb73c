"""`kubectl quorate`: shows a cluster and edits its resource. It never talks to members: what it asks for, the operator carries out."""
