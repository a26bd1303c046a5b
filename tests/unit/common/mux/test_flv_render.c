/*
 * The form in which a track's messages go to readers of Enhanced FLV.
 */
#include "common/mux/flv_render.h"

#include <criterion/criterion.h>
#include <uv.h>

static struct flv_message config_of(uint32_t fourcc, uint8_t flv_audio, uint8_t publisher_track) {
	struct bytes *config = bytes_copy("\x12\x10", 2);
	struct track t = {.id = 2,
	                  .kind = TRACK_AUDIO,
	                  .fourcc = fourcc,
	                  .flv_audio = flv_audio,
	                  .publisher_track = publisher_track,
	                  .config = config};
	struct flv_message m;
	cr_assert_eq(flv_message_of_config(&m, &t, 0, FLV_ENHANCED), 0);
	bytes_unref(&config);
	return m;
}

/* FFmpeg before 6.1 reads AAC in this form only. */
Test(flv_render, aac_goes_in_its_old_form_however_it_came) {
	struct flv_message enhanced = config_of(FOURCC_AAC, 0, 0), legacy = config_of(FOURCC_AAC, 0xaf, 0);
	cr_assert_eq(enhanced.header_size, 2);
	cr_assert_eq(enhanced.header[0], 0xaf);
	cr_assert_eq(enhanced.header[1], 0);
	cr_assert_eq(legacy.header_size, 2);
	cr_assert_eq(legacy.header[0], 0xaf);
}

Test(flv_render, what_has_no_old_form_goes_in_the_enhanced_one) {
	cr_assert_eq(config_of(FOURCC_OPUS, 0, 0).header[0], 0x90);
	cr_assert_eq(config_of(FOURCC_AAC, 0, 1).header[0], 0x95, "a further track");
}

Test(flv_render, mp3_is_written_with_its_number) {
	struct flv_tag mp3 = {.type = FLV_AUDIO, .packet = FLV_FRAME, .fourcc = FOURCC_MP3};
	uint8_t header[FLV_HEADER_MAX];
	cr_assert_eq(flv_tag_header_write(header, &mp3, FLV_LEGACY), 1);
	cr_assert_eq(header[0], 0x2f);
}
