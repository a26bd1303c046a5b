"""Playlists and segments beside nginx: the same bytes, the same header lines, one worker each on the same core."""
import http_load
import judge
import servers
from bench import processes, say
from http_servers import GZIP, NginxFiles, Still, cipher_of

# transport: (HTTP's version, scheme, {contestant: which port})
TRANSPORTS = {
    "HTTP/1.1": ("1.1", "http", {"weir": "clear", "nginx": "clear", "nginx-sendfile": "clear-sendfile"}),
    "HTTP/1.1 TLS": ("1.1", "https", {"weir": "tls", "nginx": "tls"}),
    "HTTP/2 TLS": ("2", "https", {"weir": "tls", "nginx": "tls"}),
}


def skipped():
    return http_load.missing() or NginxFiles.missing()


def files(bench, clip, sizes=(100, 1000), rounds=5):
    if skipped():
        say(f"  left out: {skipped()}")
        return
    with processes() as children:
        still = Still(children, clip).halt()
        nginx = NginxFiles(children, still)
        try:
            compare(bench, children, still, nginx, sizes, rounds)
        finally:
            nginx.close()


def compare(bench, children, still, nginx, sizes, rounds):
    ciphers = cipher_of(still.port("tls")), cipher_of(nginx.port("tls"))
    assert ciphers[0] == ciphers[1], f"TLS differs: {ciphers}"
    paths = {"playlist": (still.playlist, {}), "playlist in gzip": (still.playlist, GZIP), "segment": (still.segment, {})}
    for transport in TRANSPORTS:
        with bench.quiet():
            for what, (path, headers) in paths.items():
                for number in range(rounds):
                    for connections in sizes:
                        one_round(bench, children, {"weir": still, "nginx": nginx}, transport, what, path, headers, connections, number)


def seconds_of(scheme, connections):
    """A thousand handshakes take their time, and are in the figures: of longer runs they are a smaller part."""
    return 1 if connections <= 100 or scheme == "http" else 2


def one_round(bench, children, contestants, transport, what, path, headers, connections, number):
    version, scheme, names = TRANSPORTS[transport]
    seconds = 1 if bench.quick else seconds_of(scheme, connections)
    for name in judge.order(names, number):
        server = contestants[name.split("-")[0]]
        url = f"{scheme}://127.0.0.1:{server.port(names[name])}{path}"
        row = http_load.run(children, server.pid, url, version, connections, seconds, headers=headers)
        bench.keep("http-files", contestant=name, transport=transport, what=what, round=number, **row)
        say(f"  {transport} {what} {connections} {name}: {row['requests_per_s']:.0f}/s, {row['cpu_per_gb'] or 0:.3f} s/GB, "
            f"cores {row['server_cpu_s'] / row['window_s']:.0%} {row['load_cpu_s'] / row['window_s']:.0%}, {row['errors']} errors")


# --- two workers against one ---

def workers(bench, clip, connections=100, rounds=5, seconds=2):
    """All may use both cores. Answers of a stream come from its home worker, whichever worker has the connection."""
    if http_load.missing():
        say(f"  left out: {http_load.missing()}")
        return
    both = f"{servers.SERVER_CORE},{servers.LOAD_CORE}"
    with processes() as children:
        edges = {count: Still(children, clip, workers=count, cores=both, playlist_min=1500) for count in (1, 2)}
        with bench.quiet():
            for still in edges.values():
                still.halt()
            for what in ("playlist", "segment"):
                for number in range(rounds):
                    for count in judge.order(edges, number):
                        still = edges[count]
                        url = f"http://127.0.0.1:{still.port('clear')}{getattr(still, what)}"
                        row = http_load.run(children, still.pid, url, "1.1", connections, seconds, core=both)
                        bench.keep("http-workers", contestant=f"{count}-workers", what=what, round=number, **row)
                        say(f"  {count} workers {what}: {row['requests_per_s']:.0f}/s, {row['cpu_per_gb']:.3f} s/GB")
