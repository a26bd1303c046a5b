/*
 * What of a Tracks revision decoders must be told anew.
 */
#include "common/stream/tracks.h"

#include <criterion/criterion.h>

static uint32_t configs(uint32_t fourcc, uint32_t rate, uint32_t channels, const char *config) {
	struct tracks *t = tracks_copy(NULL);
	t->count = 1;
	t->items[0] = (struct track){.id = 1,
	                             .kind = TRACK_AUDIO,
	                             .fourcc = fourcc,
	                             .timescale = rate,
	                             .info = {.fourcc = fourcc, .sample_rate = rate, .channels = channels},
	                             .config = config ? bytes_copy(config, 2) : NULL};
	uint32_t hash = tracks_configs(t);
	tracks_unref(&t);
	return hash;
}

Test(tracks, what_frames_tell_is_a_configuration_where_there_is_no_record) {
	uint32_t mp3 = configs(FOURCC_MP3, 44100, 2, NULL);
	cr_assert_eq(configs(FOURCC_MP3, 44100, 2, NULL), mp3);
	cr_assert_neq(configs(FOURCC_MP3, 48000, 2, NULL), mp3);
	cr_assert_neq(configs(FOURCC_MP3, 44100, 1, NULL), mp3);
}

Test(tracks, a_record_tells_all) {
	uint32_t aac = configs(FOURCC_AAC, 44100, 2, "\x12\x10");
	cr_assert_eq(configs(FOURCC_AAC, 44100, 2, "\x12\x10"), aac);
	cr_assert_neq(configs(FOURCC_AAC, 48000, 2, "\x11\x90"), aac);
}
