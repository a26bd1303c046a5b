#include "common/mux/ts.h"

#include "common/mux/language.h"

#include <string.h>
#include <uv.h>

enum {
	PAT_PID = 0,
	PMT_PID = 0x1000,
	FIRST_PID = 0x100,
	PROGRAM = 1,
	/* stream_type, table 2-34; those of Dolby's codecs as ATSC and HLS have them. */
	TYPE_MPEG1_AUDIO = 0x03,
	TYPE_MPEG2_AUDIO = 0x04,
	TYPE_ADTS = 0x0f,
	TYPE_AVC = 0x1b,
	TYPE_HEVC = 0x24,
	TYPE_AC3 = 0x81,
	TYPE_EAC3 = 0x87,
	/* stream_id, table 2-22. */
	ID_PRIVATE = 0xbd,
	ID_AUDIO = 0xc0,
	ID_VIDEO = 0xe0,
};

/* --- the program --- */

static uint8_t type_of(const struct track *t) {
	enum { MPEG1_RATE_MIN = 32000 };
	switch (t->fourcc) {
	case FOURCC_AVC:
		return TYPE_AVC;
	case FOURCC_HEVC:
		return TYPE_HEVC;
	case FOURCC_AAC:
		return TYPE_ADTS;
	case FOURCC_AC3:
		return TYPE_AC3;
	case FOURCC_EAC3:
		return TYPE_EAC3;
	case FOURCC_MP3:
		return t->info.sample_rate && t->info.sample_rate < MPEG1_RATE_MIN ? TYPE_MPEG2_AUDIO : TYPE_MPEG1_AUDIO;
	default:
		return 0;
	}
}

bool ts_supports(uint32_t fourcc) {
	return type_of(&(struct track){.fourcc = fourcc}) != 0;
}

static const struct ts_stream *find_pid(const struct ts_stream *streams, size_t count, uint16_t pid) {
	for (size_t i = 0; i < count; i++)
		if (streams[i].pid.pid == pid)
			return &streams[i];
	return NULL;
}

/* A track's PID is a function of its id, so that it is the same wherever a stream begins. */
static uint16_t pid_of(const struct track *t) {
	enum { PIDS = PMT_PID - FIRST_PID };
	return (uint16_t)(FIRST_PID + (t->id - 1) % PIDS);
}

/* The next stream of a program, if the track can be one. 0 also if it cannot. */
static int add_stream(struct ts_muxer *m, const struct track *t) {
	struct ts_stream *s = &m->streams[m->count];
	bool dolby = t->fourcc == FOURCC_AC3 || t->fourcc == FOURCC_EAC3, video = t->kind == TRACK_VIDEO;
	*s = (struct ts_stream){
	    .track = t->id, .timescale = t->timescale, .video = video, .fresh = true, .type = type_of(t)};
	s->pid.pid = pid_of(t);
	s->stream_id = video ? ID_VIDEO : dolby ? ID_PRIVATE : (uint8_t)(ID_AUDIO + (m->count & 31));
	if (!s->type || !t->timescale || find_pid(m->streams, m->count, s->pid.pid))
		return 0;
	int err = elementary_init(&s->form, t);
	if (!err)
		m->count++;
	return err == UV_ENOMEM ? err : 0;
}

static int add_audio(struct ts_muxer *m, const struct tracks *tracks, const char *rendition) {
	int err = 0;
	for (size_t i = 0; i < tracks->count && !err; i++) {
		const struct track *t = &tracks->items[i];
		if (t->kind == TRACK_AUDIO && !strcmp(t->rendition, rendition))
			err = add_stream(m, t);
	}
	return err;
}

static bool has_audio(const struct tracks *tracks, const char *rendition) {
	for (size_t i = 0; i < tracks->count; i++)
		if (tracks->items[i].kind == TRACK_AUDIO && !strcmp(tracks->items[i].rendition, rendition))
			return true;
	return false;
}

static int add_streams(struct ts_muxer *m, const struct ts_program *p) {
	const struct track *key = tracks_key(p->tracks, p->rendition);
	int err = 0;
	if (key && key->kind == TRACK_VIDEO)
		err = add_stream(m, key);
	if (!err)
		err = add_audio(m, p->tracks, has_audio(p->tracks, p->rendition) ? p->rendition : "source");
	return err ? err : m->count ? 0 : UV_ENOTSUP;
}

int ts_muxer_init(struct ts_muxer *m, const struct ts_program *p) {
	*m = (struct ts_muxer){.pat = {.pid = PAT_PID}, .pmt = {.pid = PMT_PID}, .pat_fresh = true, .pmt_fresh = true};
	buffer_init(&m->scratch, 0);
	int err = add_streams(m, p);
	if (err) {
		ts_muxer_fini(m);
		return err;
	}
	m->tracks = tracks_ref((struct tracks *)p->tracks);
	return 0;
}

int ts_muxer_change(struct ts_muxer *m, const struct ts_program *p) {
	struct ts_muxer next;
	if (p->tracks == m->tracks)
		return 0;
	int err = ts_muxer_init(&next, p);
	if (err)
		return err;
	for (size_t i = 0; i < next.count; i++) {
		const struct ts_stream *before = find_pid(m->streams, m->count, next.streams[i].pid.pid);
		if (!before)
			continue;
		next.streams[i].pid.counter = before->pid.counter;
		next.streams[i].fresh = before->fresh;
	}
	next.pat = m->pat;
	next.pmt = m->pmt;
	next.pat_fresh = m->pat_fresh;
	next.pmt_fresh = m->pmt_fresh;
	/* The clock is of one PID; on another it begins anew. */
	next.has_pcr = m->has_pcr && next.streams[next.key].pid.pid == m->streams[m->key].pid.pid;
	next.pcr = m->pcr;
	ts_muxer_fini(m);
	*m = next;
	return 0;
}

void ts_muxer_fini(struct ts_muxer *m) {
	for (size_t i = 0; i < m->count; i++)
		elementary_fini(&m->streams[i].form);
	m->count = 0;
	tracks_unref(&m->tracks);
	buffer_fini(&m->scratch);
}

/* --- tables --- */

/* The head that all sections share, to last_section_number; the length is set when it is written. */
static void begin_section(struct buffer *b, uint8_t table, uint16_t id, unsigned version) {
	buffer_clear(b);
	buffer_u8(b, table);
	buffer_u16(b, 0);
	buffer_u16(b, id);
	buffer_u8(b, (uint8_t)(0xc1 | (version & 31) << 1)); /* current */
	buffer_u16(b, 0);
}

static void put_registration(struct buffer *b, uint32_t format) {
	buffer_u8(b, 5);
	buffer_u8(b, 4);
	buffer_u32(b, format);
}

/* 2.6: who a private stream is, and what language a sound has. */
static void put_descriptors(struct buffer *b, const struct ts_stream *s, const struct track *t) {
	char language[3];
	if (s->type == TYPE_HEVC)
		put_registration(b, FOURCC('H', 'E', 'V', 'C'));
	if (s->type == TYPE_AC3)
		put_registration(b, FOURCC('A', 'C', '-', '3'));
	if (s->type == TYPE_EAC3)
		put_registration(b, FOURCC('E', 'A', 'C', '3'));
	if (s->video || !t || !*t->language)
		return;
	language_three_letters(t->language, language);
	buffer_u8(b, 10);
	buffer_u8(b, 4);
	buffer_append(b, language, sizeof language);
	buffer_u8(b, 0);
}

/* The streams' part of PMT, 2.4.4.8. */
static void put_stream(struct buffer *b, const struct ts_stream *s, const struct track *t) {
	buffer_u8(b, s->type);
	buffer_u16(b, 0xe000 | s->pid.pid);
	size_t length_at = b->size;
	buffer_u16(b, 0);
	put_descriptors(b, s, t);
	if (buffer_error(b))
		return;
	size_t length = b->size - length_at - 2;
	b->block->data[length_at] = 0xf0;
	b->block->data[length_at + 1] = (uint8_t)length;
}

int ts_write_tables(struct ts_muxer *m, struct buffer *out) {
	struct buffer *b = &m->scratch;
	/* Any step of the version does that a change of the tracks makes; the revision is the same on all nodes. */
	begin_section(b, 0, 1, m->tracks->revision);
	buffer_u16(b, PROGRAM);
	buffer_u16(b, 0xe000 | PMT_PID);
	ts_section_write(out, &m->pat, m->pat_fresh, b);

	begin_section(b, 2, PROGRAM, m->tracks->revision);
	buffer_u16(b, 0xe000 | m->streams[m->key].pid.pid);
	buffer_u16(b, 0xf000); /* no descriptors of the program */
	for (size_t i = 0; i < m->count; i++)
		put_stream(b, &m->streams[i], tracks_find(m->tracks, m->streams[i].track));
	ts_section_write(out, &m->pmt, m->pmt_fresh, b);
	m->pat_fresh = m->pmt_fresh = false;
	return buffer_error(out);
}

int ts_repeat_tables(const struct ts_muxer *m, struct buffer *out) {
	struct ts_muxer again = *m;
	size_t before = out->size;
	again.pat_fresh = again.pmt_fresh = false;
	buffer_init(&again.scratch, 0);
	int err = ts_write_tables(&again, out);
	buffer_fini(&again.scratch);
	/* Both were counted from the muxer's own values: back by as many packets as each has. */
	uint8_t pat = (uint8_t)(again.pat.counter - m->pat.counter), pmt = (uint8_t)(again.pmt.counter - m->pmt.counter);
	for (size_t at = before; !err && at < out->size; at += TS_PACKET_SIZE) {
		uint8_t *flags = out->block->data + at + 3;
		uint8_t back = at == before ? pat : pmt;
		*flags = (uint8_t)((*flags & 0xf0) | ((*flags - back) & 15));
	}
	return err;
}

/* --- frames --- */

/* Ticks of any scale in 90 kHz, to nearest; the product of whole seconds does not pass 63 bits. */
static int64_t ticks_to_clock(int64_t ticks, uint32_t timescale) {
	int64_t seconds = ticks / timescale, rest = ticks % timescale;
	if (rest < 0) {
		rest += timescale;
		seconds--;
	}
	return seconds * TS_CLOCK + (rest * TS_CLOCK + timescale / 2) / timescale;
}

/* 33 bits in three parts, each with a marker bit behind it (2.4.3.7). */
static void put_time(struct buffer *b, unsigned prefix, int64_t time) {
	uint64_t t = (uint64_t)time;
	buffer_u8(b, (uint8_t)(prefix << 4 | (t >> 29 & 0x0e) | 1));
	buffer_u16(b, (uint16_t)((t >> 14 & 0xfffe) | 1));
	buffer_u16(b, (uint16_t)((t << 1 & 0xfffe) | 1));
}

/* The PES packet, into the muxer's scratch buffer. */
static int make_pes(struct ts_muxer *m, const struct ts_stream *s, const struct frame *f, int64_t pts, int64_t dts) {
	enum { UNTIL_LENGTH = 6, ALIGNED = 0x84, PTS_ONLY = 0x80, PTS_AND_DTS = 0xc0 };
	struct buffer *b = &m->scratch;
	bool both = dts != pts;
	buffer_clear(b);
	buffer_u24(b, 1);
	buffer_u8(b, s->stream_id);
	buffer_u16(b, 0);
	buffer_u8(b, ALIGNED);
	buffer_u8(b, both ? PTS_AND_DTS : PTS_ONLY);
	buffer_u8(b, both ? 10 : 5);
	put_time(b, both ? 3 : 2, pts);
	if (both)
		put_time(b, 1, dts);
	int err = elementary_write(&s->form, f, b);
	if (!err)
		err = buffer_error(b);
	if (err)
		return err;
	size_t length = b->size - UNTIL_LENGTH;
	if (length > UINT16_MAX && !s->video)
		return UV_E2BIG;
	/* Only video may leave it open. */
	length = length > UINT16_MAX || s->video ? 0 : length;
	b->block->data[4] = (uint8_t)(length >> 8);
	b->block->data[5] = (uint8_t)length;
	return 0;
}

/*
 * Moves the clock for a frame of any stream; true if the key track's packet is to have it. It never runs backwards:
 * another stream's frames may be ahead. Where frames are rarer than clock references may be, packets without a payload
 * have those between. A jump is a new clock, and then the counters begin anew, too.
 */
static bool move_clock(struct ts_muxer *m, const struct ts_stream *s, int64_t dts, struct buffer *out) {
	enum { BACK_MAX = TS_CLOCK, AHEAD_MAX = 10 * TS_CLOCK };
	const struct ts_stream *key = &m->streams[m->key];
	int64_t pcr = dts - TS_LEAD;
	if (m->has_pcr && (pcr < m->pcr - BACK_MAX || pcr > m->pcr + AHEAD_MAX)) {
		m->has_pcr = false;
		for (size_t i = 0; i < m->count; i++)
			m->streams[i].fresh = true;
	}
	if (!m->has_pcr) {
		m->has_pcr = s == key; /* it begins with the key track, whose PID it is on */
		m->pcr = pcr;
		return s == key;
	}
	bool due = (s == key && s->video) || pcr - m->pcr >= TS_PCR_INTERVAL;
	for (; pcr - m->pcr > TS_PCR_INTERVAL; ts_clock_write(out, &key->pid, m->pcr))
		m->pcr += TS_PCR_INTERVAL;
	if (!due || s != key)
		return false;
	if (pcr > m->pcr)
		m->pcr = pcr;
	return true;
}

int ts_write_frame(struct ts_muxer *m, const struct frame *f, struct buffer *out) {
	struct ts_stream *s = m->streams;
	while (s < m->streams + m->count && s->track != f->track)
		s++;
	if (s == m->streams + m->count || !f->payload.size)
		return 0;
	int64_t pts = ticks_to_clock(f->pts, s->timescale), dts = ticks_to_clock(f->dts, s->timescale);
	if (dts > pts)
		dts = pts;
	int err = make_pes(m, s, f, pts, dts);
	if (err)
		return err;
	bool clock = move_clock(m, s, dts, out);
	const struct ts_adaptation first = {
	    .discontinuity = s->fresh,
	    .random_access = f->flags & FRAME_KEY || (!s->video && s == &m->streams[m->key]),
	    .has_pcr = clock,
	    .pcr = m->pcr,
	};
	ts_packets_write(out, &s->pid, &first, buffer_slice(&m->scratch));
	s->fresh = buffer_error(out) != 0;
	return buffer_error(out);
}
