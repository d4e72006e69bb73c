"""A pod's own client of the Kubernetes API: what a member asks of the API server, and no more.

Nothing of consensus waits for it. A member whose API server is away, or refuses it, elects and commits as ever.
"""
