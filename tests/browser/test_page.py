"""The page to watch, as somebody who watches sees it."""
import time

import media
import pytest
from process import SLOW, wait_until


def page(node, name="live/cam1", query=""):
    return f"http://127.0.0.1:{node.http_port}/{name}/{query}"


def publish(children, origin, name="publish", **options):
    return media.ffmpeg_publish(children, origin.rtmp(), size="640x360", name=name, **options)


@pytest.fixture
def one(cluster):
    return cluster(origin={"stream.grace": "4s"}, edge={"edge.wait_publish": "3s", "edge.linger": "1s"})


def test_flv_plays_with_its_frames_advancing_and_is_measured(chromium, children, one):
    publish(children, one.origin)
    chromium.open(page(one.edge, query="?protocol=flv"))
    seen = chromium.wait_playing(60)
    assert seen["state"] == "live" and seen["status"] == "Live" and seen["notice"] == ""
    assert seen["protocol"] == "flv" and seen["width"] == 640
    seen = chromium.wait("measurements", lambda s: s["latency"] and s["buffer"] and s["bitrate"])
    assert 0.1 < seen["bitrate"] < 2
    offered = "[...document.getElementById('quality').options].map((o) => o.text)"
    wait_until(lambda: chromium.read(offered) == ["360p"], 5, "the quality that there is, and no choice")
    chromium.assert_content(f"127.0.0.1:{one.edge.http_port}")


def test_a_stream_that_nobody_publishes_is_told_and_begins_by_itself(chromium, children, one):
    chromium.open(page(one.edge))
    chromium.wait("it is said that it is not live", lambda s: s["state"] == "offline" and s["notice"] == "Not live")
    chromium.shot("offline")
    publish(children, one.origin)
    chromium.wait_playing(30)


@pytest.mark.parametrize("protocol", ["flv", "llhls", "dash"])
def test_a_lost_encoder_is_told_and_playback_goes_on_when_it_is_back(chromium, children, cluster, protocol):
    one = cluster()
    first = publish(children, one.origin)
    chromium.open(page(one.edge, query=f"?protocol={protocol}"))
    chromium.wait_playing(30)
    first.kill()
    chromium.wait("the wait for the encoder", lambda s: s["status"] == "Waiting for the encoder" and s["notice"] == s["status"])
    chromium.shot("waiting")
    publish(children, one.origin, name="publish2")
    seen = chromium.wait_playing(30)
    assert seen["state"] == "live" or chromium.wait("live again", lambda s: s["state"] == "live")


@pytest.mark.parametrize("protocol", ["flv", "llhls", "dash"])
def test_the_picture_goes_on_soon_after_its_encoder_is_back(chromium, children, cluster, protocol):
    one = cluster()
    first = publish(children, one.origin, gop=2)
    chromium.open(page(one.edge, query=f"?protocol={protocol}"))
    chromium.wait_playing(60)
    first.kill()
    wait_until(lambda: one.edge.api("streams/live/cam1")["state"] == "waiting", 10, "the edge waits for the encoder")
    time.sleep(2)  # the gap, which players see in the timeline
    publish(children, one.origin, name="publish2", gop=2)
    wait_until(lambda: one.edge.api("streams/live/cam1")["state"] == "live", 20, "it is live again")
    back = time.monotonic()
    times = []
    chromium.wait("the picture moves", lambda s: times.append(s["time"]) or len(set(times[-5:])) == 5, 6 * SLOW)
    print(f"\n{protocol}: {time.monotonic() - back:.2f} s after the encoder")


def test_dash_goes_on_after_each_of_many_gaps(chromium, children, cluster):
    one = cluster()
    source = publish(children, one.origin, gop=2)
    chromium.open(page(one.edge, query="?protocol=dash"))
    chromium.wait_playing(60)
    for i, gap in enumerate((0.3, 2, 1, 3.5, 2)):
        source.kill()
        wait_until(lambda: one.edge.api("streams/live/cam1")["state"] == "waiting", 10, "the edge waits for the encoder")
        time.sleep(gap)  # which players see in the timeline
        epoch = one.edge.api("streams/live/cam1")["epoch"]
        source = publish(children, one.origin, name=f"publish{i}", gop=2)
        wait_until(lambda: one.edge.api("streams/live/cam1")["epoch"] != epoch, 20, "the encoder is back")
        seen = chromium.wait("how far behind it is", lambda s: s["latency"])
        now = seen["time"] + seen["latency"]  # presentation time runs with the clock
        chromium.wait("a picture of after its return", lambda s: s["time"] > now + 0.5, 7)


@pytest.mark.parametrize("protocol", ["flv", "llhls", "dash"])
def test_an_ended_stream_is_told_and_comes_back_by_itself(chromium, children, one, protocol):
    first = publish(children, one.origin)
    chromium.open(page(one.edge, query=f"?protocol={protocol}"))
    chromium.wait_playing(30)
    first.stop()
    chromium.wait("the end", lambda s: s["status"] == "Ended" and s["notice"] == "The stream has ended", timeout=20)
    chromium.shot("ended")
    publish(children, one.origin, name="publish2")
    chromium.wait_playing(30, timeout=25)


def test_an_edge_that_restarts_is_told_and_playback_comes_back_by_itself(chromium, children, one):
    publish(children, one.origin)
    chromium.open(page(one.edge))
    chromium.wait_playing(30)
    one.edge.terminate()
    chromium.wait("no connection", lambda s: s["state"] == "unreachable" and s["status"] == "No connection")
    one.edge.start()
    chromium.wait_playing(30, timeout=25)


def test_an_answer_that_is_not_the_edges_is_told_and_the_page_follows_its_stream_on(chromium, children, one):
    publish(children, one.origin)
    chromium.open(page(one.edge))
    chromium.wait_playing(30)
    chromium.order("intercept", url="**/api/v1/streams/**", times=3)
    chromium.wait("no connection", lambda s: s["state"] == "unreachable")
    chromium.wait("live again", lambda s: s["state"] == "live")
    chromium.wait_playing(30)
    chromium.assert_content(f"127.0.0.1:{one.edge.http_port}")


def test_the_list_goes_on_after_an_answer_that_is_not_the_edges(chromium, children, one):
    summary = "document.getElementById('summary').textContent"
    chromium.open(f"http://127.0.0.1:{one.edge.http_port}/")
    wait_until(lambda: "Nothing is live" in chromium.read(summary), 5, "nothing")
    chromium.order("intercept", url="**/api/v1/live", times=2)
    wait_until(lambda: "does not answer" in chromium.read(summary), 10, "it is told")
    wait_until(lambda: "Nothing is live" in chromium.read(summary), 10, "it has asked again")
    chromium.assert_content(f"127.0.0.1:{one.edge.http_port}")


def test_the_list_shows_what_is_live_and_forgets_what_is_over(chromium, children, one):
    listed = "[...document.querySelectorAll('#streams a')].map((a) => a.querySelector('strong').textContent)"
    chromium.open(f"http://127.0.0.1:{one.edge.http_port}/")
    wait_until(lambda: "Nothing is live" in chromium.read("document.getElementById('summary').textContent"), 5, "nothing")
    encoder = publish(children, one.origin)
    wait_until(lambda: chromium.read(listed) == ["live/cam1"], 10, "the stream is listed, though nobody watches it")
    chromium.shot("list")
    chromium.assert_content(f"127.0.0.1:{one.edge.http_port}")
    chromium.order("click", selector="#streams a")
    wait_until(lambda: chromium.read("Boolean(document.getElementById('stat-stalls')) && location.pathname") == "/live/cam1/",
               5, "its player")
    chromium.wait_playing(30)
    encoder.stop()
    chromium.open(f"http://127.0.0.1:{one.edge.http_port}/")
    wait_until(lambda: chromium.read(listed) == [], 15, "it is not listed any more")


def test_all_can_be_done_by_keyboard(chromium, children, one):
    publish(children, one.origin)
    chromium.open(page(one.edge))
    chromium.wait_playing(30)
    chromium.order("key", key="Space")
    chromium.wait("paused", lambda s: s["paused"])
    chromium.order("key", key="k")
    chromium.wait_playing(30)
    chromium.order("key", key="m")
    chromium.wait("silent", lambda s: s["muted"])
    chromium.order("key", key="m")
    chromium.order("key", key="ArrowDown")
    wait_until(lambda: chromium.read("document.querySelector('video').volume") == 0.9, 5, "quieter")
    look = chromium.read("document.documentElement.dataset.look")
    chromium.order("key", key="t")
    wait_until(lambda: chromium.read("document.documentElement.dataset.look") != look, 5, "the other look")
    chromium.order("key", key="f")
    wait_until(lambda: chromium.read("document.fullscreenElement?.id ?? ''") == "stage", 5, "full screen")
    chromium.order("key", key="f")
    wait_until(lambda: chromium.read("document.fullscreenElement === null"), 5, "not full screen")
    reached = set()
    for _ in range(14):
        chromium.order("key", key="Tab")
        reached.add(chromium.read("document.activeElement.id || document.activeElement.tagName"))
    assert {"look", "play", "mute", "volume", "golive", "full", "protocol"} <= reached


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("device,width,height", [("phone", 360, 780), ("tablet", 800, 1100), ("desk", 1280, 960)])
def test_it_fits_every_screen_in_both_looks(chromium, children, one, look, device, width, height):
    publish(children, one.origin)
    chromium.open(page(one.edge), width=width, height=height, look=look)
    seen = chromium.wait_playing(90)
    assert seen["spills"] <= 0
    assert chromium.read("document.documentElement.dataset.look") == look
    small = """[...document.querySelectorAll('button, select')].filter((e) => e.offsetWidth && e.id !== 'look'
        && (e.offsetHeight < 44 || e.offsetWidth < 40)).map((e) => e.id)"""
    assert chromium.read(small) == [], "large enough for a finger"
    chromium.shot(f"player-{device}-{look}")
    chromium.open(f"http://127.0.0.1:{one.edge.http_port}/", width=width, height=height, look=look)
    wait_until(lambda: chromium.read("document.querySelectorAll('#streams a').length") == 1, 10, "the list")
    assert chromium.read("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    chromium.shot(f"list-{device}-{look}")


def test_the_best_protocol_is_taken_and_another_one_can_be_chosen(chromium, children, one):
    publish(children, one.origin)
    chromium.open(page(one.edge))
    chromium.wait_playing(30)
    assert chromium.look()["protocol"] == "llhls"
    for protocol in ("flv", "dash", "hls", "llhls"):
        chromium.order("choose", selector="#protocol", value=protocol)
        chromium.wait(f"{protocol} plays", lambda s: s["protocol"] == protocol and s["time"] > 0 and s["latency"], timeout=20)
        chromium.wait_playing(15)
    assert chromium.read("location.search") == "?protocol=llhls"
    chromium.assert_content(f"127.0.0.1:{one.edge.http_port}")


def test_an_address_without_its_slash_leads_to_the_player(chromium, one):
    chromium.open(f"http://127.0.0.1:{one.edge.http_port}/live/cam1?protocol=flv")
    assert chromium.read("location.pathname + location.search") == "/live/cam1/?protocol=flv"


@pytest.mark.parametrize("protocol", ["flv", "hls", "llhls", "dash"])
def test_it_plays_over_changes_of_the_sounds_rate(chromium, cluster, encoder, changing_tags, protocol):
    made = cluster(origin={"package.segment": "1s"})
    encoder(made.origin.rtmp_port, changing_tags, changing=True)
    chromium.open(page(made.edge, query=f"?protocol={protocol}"))
    began = chromium.wait_playing(30)["frames"]
    chromium.wait("pictures over two changes", lambda s: s["frames"] >= began + 14 * 30, 40 * SLOW)
