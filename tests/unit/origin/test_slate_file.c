#include "common/base/buffer.h"
#include "common/mux/flv_tag.h"
#include "origin/slate_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#define AVC_CONFIG                                                                                                     \
	"17 00 000000 0164000dffe100196764000dacd94141fb0e10000003001000000303c0f142996001000468ef8fcbfdf8f800"
#define AVC_KEY "17 01 000000 00000002 6588"
#define AVC_INTER "27 01 000000 00000002 419a"
#define AAC_CONFIG "af 00 1190" /* 48 kHz, stereo */
#define AAC_FRAME "af 01 2110"

static struct buffer flv;

static void begin_flv(void) {
	uint8_t header[FLV_FILE_HEADER_SIZE];
	buffer_init(&flv, 0);
	flv_file_header_write(header, true, true);
	buffer_append(&flv, header, sizeof header);
}

static void end_flv(void) {
	buffer_fini(&flv);
}

TestSuite(slate_file, .init = begin_flv, .fini = end_flv);

static void tag(enum flv_tag_type type, uint32_t ms, const char *hex) {
	uint8_t prefix[FLV_PREFIX_SIZE], trailer[FLV_TRAILER_SIZE];
	uint8_t body[256];
	size_t size = 0;
	for (unsigned byte; sscanf(hex, " %2x", &byte) == 1; hex += strspn(hex, " ") + 2)
		body[size++] = (uint8_t)byte;
	cr_assert_eq(flv_prefix_write(prefix, type, size, ms), 0);
	flv_trailer_write(trailer, size);
	buffer_append(&flv, prefix, sizeof prefix);
	buffer_append(&flv, body, size);
	buffer_append(&flv, trailer, sizeof trailer);
}

static void configs(void) {
	tag(FLV_VIDEO, 0, AVC_CONFIG);
	tag(FLV_AUDIO, 0, AAC_CONFIG);
}

/* 25 frames a second and sound from `ms` on, two seconds long. */
static void media(uint32_t ms) {
	for (uint32_t i = 0, a = 0; i < 50; i++) {
		tag(FLV_VIDEO, ms + i * 40, i % 25 ? AVC_INTER : AVC_KEY);
		for (; a * 1024 / 48 <= i * 40 + 39 && a < 94; a++)
			tag(FLV_AUDIO, ms + a * 1024 / 48, AAC_FRAME);
	}
}

static struct slate_file *parse(const char **why) {
	struct bytes *b = bytes_copy(flv.block->data, flv.size);
	struct slate_file *f = slate_file_parse(b, why);
	bytes_unref(&b);
	return f;
}

static void refused(const char *want) {
	const char *why = NULL;
	cr_assert_null(parse(&why));
	cr_assert(why && strstr(why, want), "%s", why);
}

Test(slate_file, its_samples_count_from_its_first_frame) {
	const char *why = NULL;
	configs();
	media(5000);
	struct slate_file *f = parse(&why);
	cr_assert(f, "%s", why);
	cr_assert_eq(f->count, 2 + 50 + 94);
	cr_assert_eq(f->samples[0].type, SAMPLE_CONFIG);
	cr_assert_eq(f->samples[2].type, SAMPLE_FRAME);
	cr_assert_eq(f->samples[2].timestamp_ms, 0);
	cr_assert(f->samples[2].keyframe);
	for (size_t i = 0; i < f->count; i++)
		cr_assert_lt(f->samples[i].timestamp_ms, 2000u);
	slate_file_free(&f);
}

Test(slate_file, a_lap_is_whole_frames_of_its_sound_without_drift) {
	const char *why = NULL;
	configs();
	media(0);
	struct slate_file *f = parse(&why);
	cr_assert(f, "%s", why);
	/* 94 frames of 1024 samples end after two seconds of 50 pictures, and after 93 of them they do not. */
	cr_assert_eq(slate_file_lap_us(f, 0), 0u);
	cr_assert_eq(slate_file_lap_us(f, 1), 94ull * 1024 * 1000000 / 48000);
	cr_assert_eq(slate_file_lap_us(f, 1000), 94000ull * 1024 * 1000000 / 48000, "no rounding adds up");
	slate_file_free(&f);
}

Test(slate_file, a_picture_alone_lasts_until_its_last_frame_is_over) {
	const char *why = NULL;
	tag(FLV_VIDEO, 0, AVC_CONFIG);
	for (uint32_t i = 0; i < 50; i++)
		tag(FLV_VIDEO, i * 40, i % 25 ? AVC_INTER : AVC_KEY);
	struct slate_file *f = parse(&why);
	cr_assert(f, "%s", why);
	cr_assert_eq(slate_file_lap_us(f, 3), 6000000u);
	slate_file_free(&f);
}

Test(slate_file, what_could_not_be_played_is_refused_with_its_reason) {
	refused("neither picture nor sound");
	configs();
	refused("neither picture nor sound");
	tag(FLV_VIDEO, 0, AVC_INTER);
	refused("does not begin with a keyframe");
}

Test(slate_file, frames_need_their_configuration) {
	tag(FLV_VIDEO, 0, AVC_KEY);
	refused("before its codec's configuration");
}

Test(slate_file, a_broken_configuration_is_refused) {
	tag(FLV_VIDEO, 0, "17 00 000000 0164");
	refused("configuration in it cannot be read");
}

Test(slate_file, it_is_not_too_short) {
	configs();
	tag(FLV_VIDEO, 0, AVC_KEY);
	tag(FLV_VIDEO, 40, AVC_INTER);
	refused("shorter than a second");
}

Test(slate_file, time_does_not_jump_back) {
	configs();
	media(9000);
	tag(FLV_VIDEO, 500, AVC_KEY);
	refused("jump back");
}

Test(slate_file, a_file_cut_anywhere_is_refused_or_shorter_and_never_read_past_its_end) {
	configs();
	media(0);
	size_t whole = flv.size;
	for (size_t size = 0; size < whole; size += 7) {
		struct bytes *b = bytes_copy(flv.block->data, size); /* a sanitizer sees a read past it */
		const char *why = NULL;
		struct slate_file *f = b ? slate_file_parse(b, &why) : NULL;
		cr_assert(f || why);
		slate_file_free(&f);
		bytes_unref(&b);
	}
}

Test(slate_file, other_files_are_refused) {
	buffer_clear(&flv);
	buffer_append_string(&flv, "ID3 this is a song");
	refused("no FLV file");
}

/* --- what a configuration names --- */

static struct config *configured(const char *yaml) {
	struct config *c = NULL;
	struct buffer why;
	buffer_init(&why, 0);
	struct config_sources from = {.name = "x.yaml", .yaml = {(const uint8_t *)yaml, strlen(yaml)}};
	cr_assert_eq(config_parse(&c, CONFIG_ORIGIN, &from, &why), 0, "%s", why.size ? (char *)why.block->data : "");
	buffer_fini(&why);
	return c;
}

Test(slate_files, an_app_without_one_has_none) {
	struct buffer why;
	struct slate_files *all = (struct slate_files *)1;
	struct config *c = configured("");
	buffer_init(&why, 0);
	cr_assert_eq(slate_files_read(&all, c, &why), 0);
	cr_assert_null(all);
	cr_assert_null(slate_files_find(all, config_app(c, "live", 4)));
	buffer_fini(&why);
	config_free(&c);
}

Test(slate_files, each_apps_file_is_read_and_every_mistake_is_told) {
	char path[] = "/tmp/weir-slate-XXXXXX", yaml[300];
	int fd = mkstemp(path);
	begin_flv();
	configs();
	media(0);
	cr_assert_eq(write(fd, flv.block->data, flv.size), (ssize_t)flv.size);
	close(fd);
	end_flv();

	struct buffer why;
	struct slate_files *all = NULL;
	snprintf(yaml, sizeof yaml, "apps:\n  live:\n    stream:\n      slate: %s\n", path);
	struct config *c = configured(yaml);
	buffer_init(&why, 0);
	cr_assert_eq(slate_files_read(&all, c, &why), 0);
	cr_assert_str_eq(slate_files_find(all, config_app(c, "live", 4))->path, path);
	cr_assert_null(slate_files_find(all, config_app(c, "other", 5)));
	slate_files_free(&all);
	config_free(&c);

	c = configured(
	    "stream:\n  slate: /nowhere/a.flv\napps:\n  tv:\n    stream:\n      slate: /tmp\n  live:\n    stream:\n"
	    "      grace: 1s\n");
	cr_assert_eq(slate_files_read(&all, c, &why), UV_EINVAL);
	buffer_u8(&why, 0);
	const char *text = (const char *)why.block->data;
	cr_assert_str_eq(text, "stream.slate: /nowhere/a.flv cannot be used: No such file or directory\n"
	                       "apps.tv.stream.slate: /tmp cannot be used: it is no file\n");
	buffer_fini(&why);
	config_free(&c);
	unlink(path);
}
