"""The report of serving files: which rows it compares."""
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "bench"), str(TESTS / "e2e")]

import http_load  # noqa: E402
import http_report  # noqa: E402
import report  # noqa: E402


def row(contestant, number, **changes):
    return {"scenario": "http-files", "contestant": contestant, "transport": "HTTP/1.1", "what": "segment", "connections": 100,
            "round": number, "requests": 900, "errors": 0, "requests_per_s": 100.0, "cpu_per_gb": 1.0, "server_cpu_s": 1.0,
            "load_cpu_s": 1.0, "window_s": 2.0, **changes}


def rows(**ours):
    return [row(name, number, **(ours if name == "weir" else {}))
            for name in ("weir", "nginx", "nginx-sendfile") for number in range(5)]


def verdicts(text):
    return next(line for line in text.splitlines() if line.startswith("| HTTP/1.1 | segment | 100 |"))


def test_a_server_as_fast_and_as_cheap_passes():
    assert verdicts(http_report.of(rows())).count("passed") == 2


def test_a_slow_server_misses_the_rate_alone():
    line = verdicts(http_report.of(rows(requests_per_s=80.0)))
    assert "0.80 (0.80 to 0.80): missed" in line and "1.00 (1.00 to 1.00): passed" in line


def test_rounds_with_errors_are_not_compared():
    assert verdicts(http_report.of(rows(errors=1))).count("not measured") == 2


def test_both_clients_reports_are_read():
    assert http_load.wrk_figures("...\nfigures 10 2000 500000 1\n") == (10, 2000, 0.5, 1)
    text = """finished in 2.00s, 50.00 req/s, 1KB/s
requests: 120 total, 120 started, 100 done, 100 succeeded, 3 failed, 2 errored, 1 timeout
traffic: 1.95KB (2000) total, 0B (0) headers (space savings 0.00%), 1B (1) data
"""
    assert http_load.h2load_figures(text) == (100, 2000, 2.0, 6)


def test_each_section_of_the_page_is_replaced_alone(tmp_path):
    page = tmp_path / "performance.md"
    fanout = f"{report.BEGIN}\nold\n{report.END}\n"
    page.write_text(f"{fanout}{report.HTTP_BEGIN}\nold\n{report.HTTP_END}\n")
    report.write_docs(tmp_path, "", {}, "new")
    assert page.read_text() == f"{fanout}{report.HTTP_BEGIN}\n\nnew\n\n{report.HTTP_END}\n"
