#include "common/mux/box.h"
#include "common/mux/cmaf.h"
#include "common/mux/cmaf_entry.h"
#include "common/mux/language.h"

#include <string.h>
#include <uv.h>

enum { MOVIE_TIMESCALE = 1000, TRACK_ENABLED_IN_MOVIE = 3, DATA_IS_HERE = 1 };

static void write_ftyp(struct buffer *b) {
	struct box ftyp = box_begin(b, FOURCC('f', 't', 'y', 'p'));
	buffer_u32(b, FOURCC('c', 'm', 'f', 'c'));
	buffer_u32(b, 0);
	buffer_u32(b, FOURCC('c', 'm', 'f', 'c'));
	buffer_u32(b, FOURCC('i', 's', 'o', '6'));
	buffer_u32(b, FOURCC('m', 'p', '4', '1'));
	box_end(b, ftyp);
}

/* The unit matrix of 8.2.2 and 8.3.2. */
static void write_matrix(struct buffer *b) {
	static const uint32_t matrix[9] = {0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000};
	for (size_t i = 0; i < 9; i++)
		buffer_u32(b, matrix[i]);
}

static void write_mvhd(struct buffer *b, const struct track *t) {
	struct box mvhd = full_box_begin(b, FOURCC('m', 'v', 'h', 'd'), 0, 0);
	box_zeros(b, 8); /* no times of creation: they would differ between nodes */
	buffer_u32(b, MOVIE_TIMESCALE);
	buffer_u32(b, 0); /* duration: as long as the fragments */
	buffer_u32(b, 0x10000);
	buffer_u16(b, 0x100);
	box_zeros(b, 10);
	write_matrix(b);
	box_zeros(b, 24);
	buffer_u32(b, t->id + 1); /* next_track_ID */
	box_end(b, mvhd);
}

static void write_tkhd(struct buffer *b, const struct track *t, const struct cmaf_shape *shape) {
	bool video = t->kind == TRACK_VIDEO;
	struct box tkhd = full_box_begin(b, FOURCC('t', 'k', 'h', 'd'), 0, TRACK_ENABLED_IN_MOVIE);
	box_zeros(b, 8);
	buffer_u32(b, t->id);
	box_zeros(b, 4 + 4 + 8 + 2 + 2);
	buffer_u16(b, video ? 0 : 0x100); /* volume */
	box_zeros(b, 2);
	write_matrix(b);
	/* 16.16 bits, of square pixels. */
	uint64_t width = video ? (uint64_t)t->info.width << 16 : 0;
	if (video && shape->sar_height)
		width = width * shape->sar_width / shape->sar_height;
	buffer_u32(b, width > UINT32_MAX ? UINT32_MAX : (uint32_t)width);
	buffer_u32(b, video ? t->info.height << 16 : 0);
	box_end(b, tkhd);
}

static void write_mdhd(struct buffer *b, const struct track *t) {
	char l[3];
	language_three_letters(t->language, l);
	struct box mdhd = full_box_begin(b, FOURCC('m', 'd', 'h', 'd'), 0, 0);
	box_zeros(b, 8);
	buffer_u32(b, t->timescale);
	buffer_u32(b, 0);
	buffer_u16(b, (uint16_t)((l[0] - 0x60) << 10 | (l[1] - 0x60) << 5 | (l[2] - 0x60)));
	buffer_u16(b, 0);
	box_end(b, mdhd);
	if (!*t->language)
		return;
	/* 8.4.6: the whole tag. */
	struct box elng = full_box_begin(b, FOURCC('e', 'l', 'n', 'g'), 0, 0);
	buffer_append(b, t->language, strlen(t->language) + 1);
	box_end(b, elng);
}

static void write_hdlr(struct buffer *b, const struct track *t) {
	bool video = t->kind == TRACK_VIDEO;
	struct box hdlr = full_box_begin(b, FOURCC('h', 'd', 'l', 'r'), 0, 0);
	buffer_u32(b, 0);
	buffer_u32(b, video ? FOURCC('v', 'i', 'd', 'e') : FOURCC('s', 'o', 'u', 'n'));
	box_zeros(b, 12);
	buffer_append(b, video ? "video" : "sound", 6); /* with its NUL */
	box_end(b, hdlr);
}

/* vmhd or smhd, and a dinf that says: the samples are in this file. */
static void write_media_header(struct buffer *b, const struct track *t) {
	bool video = t->kind == TRACK_VIDEO;
	struct box header = video ? full_box_begin(b, FOURCC('v', 'm', 'h', 'd'), 0, 1)
	                          : full_box_begin(b, FOURCC('s', 'm', 'h', 'd'), 0, 0);
	box_zeros(b, video ? 8 : 4);
	box_end(b, header);
	struct box dinf = box_begin(b, FOURCC('d', 'i', 'n', 'f'));
	struct box dref = full_box_begin(b, FOURCC('d', 'r', 'e', 'f'), 0, 0);
	buffer_u32(b, 1);
	box_end(b, full_box_begin(b, FOURCC('u', 'r', 'l', ' '), 0, DATA_IS_HERE));
	box_end(b, dref);
	box_end(b, dinf);
}

/* The sample tables are empty: fragments have the samples. */
static int write_stbl(struct buffer *b, const struct track *t, const struct cmaf_shape *shape) {
	static const uint32_t empty[] = {FOURCC('s', 't', 't', 's'), FOURCC('s', 't', 's', 'c'), FOURCC('s', 't', 's', 'z'),
	                                 FOURCC('s', 't', 'c', 'o')};
	struct box stbl = box_begin(b, FOURCC('s', 't', 'b', 'l'));
	struct box stsd = full_box_begin(b, FOURCC('s', 't', 's', 'd'), 0, 0);
	buffer_u32(b, 1);
	int err = cmaf_entry_write(b, t, shape);
	if (err)
		return err;
	box_end(b, stsd);
	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
		struct box table = full_box_begin(b, empty[i], 0, 0);
		box_zeros(b, empty[i] == FOURCC('s', 't', 's', 'z') ? 8 : 4);
		box_end(b, table);
	}
	box_end(b, stbl);
	return 0;
}

static int write_trak(struct buffer *b, const struct track *t) {
	struct cmaf_shape shape = cmaf_shape_of(t);
	struct box trak = box_begin(b, FOURCC('t', 'r', 'a', 'k'));
	write_tkhd(b, t, &shape);
	struct box mdia = box_begin(b, FOURCC('m', 'd', 'i', 'a'));
	write_mdhd(b, t);
	write_hdlr(b, t);
	struct box minf = box_begin(b, FOURCC('m', 'i', 'n', 'f'));
	write_media_header(b, t);
	int err = write_stbl(b, t, &shape);
	if (err)
		return err;
	box_end(b, minf);
	box_end(b, mdia);
	box_end(b, trak);
	return 0;
}

static void write_mvex(struct buffer *b, const struct track *t) {
	struct box mvex = box_begin(b, FOURCC('m', 'v', 'e', 'x'));
	struct box trex = full_box_begin(b, FOURCC('t', 'r', 'e', 'x'), 0, 0);
	buffer_u32(b, t->id);
	buffer_u32(b, 1); /* the sample entry */
	box_zeros(b, 12); /* durations, sizes and flags are told by the fragments */
	box_end(b, trex);
	box_end(b, mvex);
}

int cmaf_init_write(const struct track *t, struct bytes **out) {
	struct buffer b;
	buffer_init(&b, 0);
	write_ftyp(&b);
	struct box moov = box_begin(&b, FOURCC('m', 'o', 'o', 'v'));
	write_mvhd(&b, t);
	int err = write_trak(&b, t);
	if (!err) {
		write_mvex(&b, t);
		box_end(&b, moov);
		struct bytes *block = buffer_take(&b);
		err = block ? 0 : UV_ENOMEM;
		if (block)
			*out = block;
	}
	buffer_fini(&b);
	return err;
}
