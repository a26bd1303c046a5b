"""Runs of the load clients for files: wrk for HTTP/1.1, h2load for HTTP/2. Each is one row of figures."""
import re
import resource
import shutil
import subprocess
import time

import servers

PATIENCE = 15  # h2load does not always end with its time
ATTEMPTS = 3

# Exact figures, where wrk's own report rounds.
WRK_DONE = """done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("figures %d %d %d %d\\n", summary.requests, summary.bytes, summary.duration,
                         e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def missing():
    absent = [name for name in ("wrk", "h2load") if not shutil.which(name)]
    return f"{' and '.join(absent)} missing" if absent else None


def own_cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(*arguments, **options):
    """A row of figures; the first that a client brings to its end."""
    for _ in range(ATTEMPTS):
        row = run_once(*arguments, **options)
        if row:
            return row
    raise AssertionError(f"the load client hung {ATTEMPTS} times")


def run_once(children, pid, url, version, connections, seconds, core=servers.LOAD_CORE, headers=None):
    """CPU times are of the whole run, its connecting and handshakes included. None when the client did not end."""
    command = wrk_command(children, url, connections, seconds) if version == "1.1" else h2load_command(url, connections, seconds)
    command[1:1] = [word for name, value in (headers or {}).items() for word in ("-H", f"{name}: {value}")]
    before, mine, began = servers.cpu_seconds(pid), own_cpu(), time.monotonic()
    try:
        ended = subprocess.run(servers.on_core(core, command), capture_output=True, text=True, timeout=PATIENCE + seconds,
                               stdin=subprocess.DEVNULL, check=False)
    except subprocess.TimeoutExpired:
        return None
    window = time.monotonic() - began
    assert ended.returncode == 0, ended.stderr + ended.stdout
    requests, size, duration, errors = wrk_figures(ended.stdout) if version == "1.1" else h2load_figures(ended.stdout)
    cpu = servers.cpu_seconds(pid) - before
    return {"version": version, "connections": connections, "requests": requests, "errors": errors, "bytes": size,
            "requests_per_s": requests / duration, "window_s": window, "server_cpu_s": cpu, "load_cpu_s": own_cpu() - mine,
            "cpu_per_gb": cpu / (size / 1e9) if size else None}


def wrk_command(children, url, connections, seconds):
    script = children.folder / "done.lua"
    script.write_text(WRK_DONE)
    return ["wrk", "-t1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "10s", "-s", str(script), url]


def wrk_figures(text):
    found = re.search(r"^figures (\d+) (\d+) (\d+) (\d+)$", text, re.M)
    assert found, text
    requests, size, duration, errors = map(int, found.groups())
    return requests, size, duration / 1e6, errors


def h2load_command(url, connections, seconds):
    return ["h2load", "-t1", "-c", str(connections), "-m1", "-D", str(seconds), url]


def h2load_figures(text):
    rate = re.search(r"finished in .*?, ([\d.]+) req/s", text)
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
    size = re.search(r"^traffic: \S+ \((\d+)\) total", text, re.M)
    assert rate and counts and size, text
    requests = int(counts[1])
    return requests, int(size[1]), requests / float(rate[1]) if requests else 1.0, int(counts[2]) + int(counts[3]) + int(counts[4])
