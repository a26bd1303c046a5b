"""Edges that know each other as pathways."""


def steer(edges):
    """Starts the edges anew, each with all of them as its pathways, by their nodes' names."""
    listed = ",".join(f"{one.name}=http://127.0.0.1:{one.http_port}" for one in edges)
    for one in edges:
        one.terminate()
        one.settings.update({"edge.steering": "true", "edge.pathways": listed})
        one.start()
