/*
 * Steering manifests of a simulated stream, and what playlists and MPDs say of them.
 */
#include "common/package/dash.h"
#include "common/package/hls.h"
#include "common/package/steering.h"
#include "tests/unit/common/package/packaged.h"

#include <criterion/criterion.h>
#include <string.h>
#include <uv.h>

static void init(void) {
	packaged_init(5, 6);
}

TestSuite(steering, .init = init, .fini = packaged_fini, .timeout = 60);

static struct steering_pathways three = {
    .items = {{.id = "b", .url = "https://b.example:8443/x"}, {.id = "a"}, {.id = "c", .url = "http://c"}}, .count = 3};

static char text[16384];

static const char *taken(struct buffer *out) {
	cr_assert_lt(out->size, sizeof text);
	memcpy(text, out->block->data, out->size);
	text[out->size] = '\0';
	buffer_fini(out);
	return text;
}

static void publish(void) {
	simulation_publish(&sim, 100, &(struct encoder){.seconds = 10.5, .fps = 30, .gop_s = 1, .audio_rate = 48000});
	push_range(packager, &sim, 0, sim.count);
}

Test(steering, every_known_pathway_but_the_players_own_is_a_clone) {
	struct buffer out;
	publish();
	buffer_init(&out, 0);
	struct steering_options o = {
	    .pathways = &three, .stream = "live/x", .base = "a", .query = "session=1", .reload = "steering.json?y"};
	cr_assert_eq(steering_write(store, &o, &out), 0);
	cr_assert_str_eq(
	    taken(&out),
	    "{\"VERSION\":1,\"TTL\":10,\"RELOAD-URI\":\"steering.json?y\",\"PATHWAY-PRIORITY\":[\"b\",\"a\",\"c\"],"
	    "\"PATHWAY-CLONES\":[\n"
	    "{\"BASE-ID\":\"a\",\"ID\":\"b\",\"URI-REPLACEMENT\":{\"PER-VARIANT-URIS\":{"
	    "\"v.audio-mp4a\":\"https://b.example:8443/x/live/x/v/index.m3u8?session=1\"},"
	    "\"PER-RENDITION-URIS\":{\"a\":\"https://b.example:8443/x/live/x/a/index.m3u8?session=1\"}}},\n"
	    "{\"BASE-ID\":\"a\",\"ID\":\"c\",\"URI-REPLACEMENT\":{\"PER-VARIANT-URIS\":{"
	    "\"v.audio-mp4a\":\"http://c/live/x/v/index.m3u8?session=1\"},"
	    "\"PER-RENDITION-URIS\":{\"a\":\"http://c/live/x/a/index.m3u8?session=1\"}}}]}\n");
}

Test(steering, nothing_is_cloned_before_there_is_something) {
	struct buffer out;
	buffer_init(&out, 0);
	struct steering_options o = {.pathways = &three, .stream = "live/x", .base = "a", .query = "", .reload = "r"};
	cr_assert_eq(steering_write(store, &o, &out), UV_EAGAIN);
	buffer_fini(&out);
}

Test(steering, the_multivariant_playlist_names_its_pathway) {
	struct buffer out;
	publish();
	buffer_init(&out, 0);
	struct hls_steering s = {.uri = "steering.json", .pathway = "a"};
	cr_assert_eq(hls_multivariant_write(store, &(struct hls_options){.steering = &s}, &out), 0);
	const char *playlist = taken(&out);
	cr_assert(strstr(playlist, "\n#EXT-X-CONTENT-STEERING:SERVER-URI=\"steering.json\",PATHWAY-ID=\"a\"\n"));
	cr_assert(strstr(playlist, ",PATHWAY-ID=\"a\",STABLE-VARIANT-ID=\"v.audio-mp4a\"\nv/index.m3u8\n"));
	cr_assert(strstr(playlist, ",STABLE-RENDITION-ID=\"a\"\n"));
}

Test(steering, the_manifest_lists_all_pathways_in_order) {
	struct buffer out;
	publish();
	buffer_init(&out, 0);
	struct dash_steering s = {.pathways = &three, .stream = "live/x", .uri = "steering.json?a=1&b", .self = "a"};
	cr_assert_eq(dash_write(store, &(struct dash_options){.steering = &s, .now_us = 1800000021000000}, &out), 0);
	cr_assert(strstr(taken(&out),
	                 "<BaseURL serviceLocation=\"b\">https://b.example:8443/x/live/x/</BaseURL>\n"
	                 "<BaseURL serviceLocation=\"a\">./</BaseURL>\n"
	                 "<BaseURL serviceLocation=\"c\">http://c/live/x/</BaseURL>\n"
	                 "<Location serviceLocation=\"b\">https://b.example:8443/x/live/x/manifest.mpd</Location>\n"
	                 "<Location serviceLocation=\"a\">./manifest.mpd</Location>\n"
	                 "<Location serviceLocation=\"c\">http://c/live/x/manifest.mpd</Location>\n"
	                 "<ContentSteering defaultServiceLocation=\"b\">steering.json?a=1&#38;b</ContentSteering>\n"));
}
