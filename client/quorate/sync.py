"""`SyncCluster`: the same client for programs without asyncio. It owns an event loop in a thread of its own.

with SyncCluster(["http://127.0.0.1:7301"]) as cluster:
    cluster.put("greeting", "hello")
    for kv in cluster.scan("a/", prefix=True): ...
    with cluster.hold(Lock(cluster.asynchronous, "jobs")) as lock: ...
"""
