/*
 * The multivariant playlist: a variant for each picture and group of sounds.
 */
#include "common/package/hls_parts.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

enum { CODECS_SIZE = 256 };

/* Players look for the names that MP4 has for these. */
const char *hls_codec(const struct track *t) {
	if (t->fourcc == FOURCC_FLAC)
		return "fLaC";
	if (t->fourcc == FOURCC_OPUS)
		return "Opus";
	return t->info.rfc6381;
}

/* --- what there is --- */

static const struct segment *newest_whole(const struct segment_track *t) {
	struct segment_range r = segment_track_range(t);
	for (size_t i = r.first + r.count; i-- > r.first;)
		if (t->items[i]->state == SEGMENT_COMPLETE)
			return t->items[i];
	return NULL;
}

int hls_gather(const struct segment_store *s, struct hls_choices *video, struct hls_choices *audio) {
	video->count = audio->count = 0;
	for (const struct segment_track *t = NULL; (t = segment_store_next(s, t));) {
		const struct segment *newest = newest_whole(t);
		struct hls_choices *to = t->kind == TRACK_VIDEO ? video : audio;
		if (newest && segment_track_current(t) && to->count < HLS_TRACKS_LISTED)
			to->items[to->count++] = (struct hls_choice){.track = t, .info = newest->info, .rate = bitrate_of(t)};
	}
	return segment_store_ready(s) && video->count + audio->count ? 0 : UV_EAGAIN;
}

/* --- sound --- */

/* Sounds of one codec are alternatives to each other. */
static bool first_of_group(const struct hls_choices *audio, size_t i) {
	for (size_t k = 0; k < i; k++)
		if (audio->items[k].info->fourcc == audio->items[i].info->fourcc)
			return false;
	return true;
}

static bool language_shared(const struct hls_choices *audio, const struct hls_choice *c) {
	size_t n = 0;
	for (size_t i = 0; i < audio->count; i++)
		n += audio->items[i].info->fourcc == c->info->fourcc &&
		     strcmp(audio->items[i].info->language, c->info->language) == 0;
	return n > 1;
}

static void put_group_name(struct buffer *out, uint32_t fourcc) {
	char text[FOURCC_TEXT_SIZE];
	fourcc_text(fourcc, text);
	buffer_append_string(out, "audio-");
	for (const char *c = text; *c; c++)
		if (*c != '.' && *c != '"' && *c != ' ')
			buffer_u8(out, (uint8_t)*c);
}

static void put_uri(struct buffer *out, const struct segment_track *t, const struct hls_options *o) {
	buffer_printf(out, "%s/index.m3u8", t->name);
	hls_put_query(out, o->query);
}

/* A language that can stand in a quoted string. */
static bool has_language(const struct track *t) {
	return t->language[0] && !strpbrk(t->language, "\"\r\n");
}

static void put_media(struct buffer *out, const struct hls_choices *audio, size_t i, const struct hls_options *o) {
	const struct hls_choice *c = &audio->items[i];
	bool by_language = has_language(c->info) && !language_shared(audio, c);
	buffer_append_string(out, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"");
	put_group_name(out, c->info->fourcc);
	buffer_printf(out, "\",NAME=\"%s\"", by_language ? c->info->language : c->track->name);
	if (has_language(c->info))
		buffer_printf(out, ",LANGUAGE=\"%s\"", c->info->language);
	buffer_printf(out, ",DEFAULT=%s,AUTOSELECT=YES", first_of_group(audio, i) ? "YES" : "NO");
	if (c->info->info.channels)
		buffer_printf(out, ",CHANNELS=\"%u\"", c->info->info.channels);
	buffer_append_string(out, ",URI=\"");
	put_uri(out, c->track, o);
	buffer_append_string(out, "\"");
	if (o->steering)
		buffer_printf(out, ",STABLE-RENDITION-ID=\"%s\"", c->track->name);
	buffer_append_string(out, "\n");
}

/* --- variants --- */

static bool has_codec(const char *codecs, const char *codec) {
	size_t size = strlen(codec);
	for (const char *at = codecs; *at; at += strcspn(at, ","), at += *at == ',')
		if (strcspn(at, ",") == size && strncmp(at, codec, size) == 0)
			return true;
	return false;
}

static void add_codec(char codecs[CODECS_SIZE], const char *codec) {
	size_t used = strlen(codecs);
	if (*codec && !has_codec(codecs, codec))
		snprintf(codecs + used, CODECS_SIZE - used, "%s%s", used ? "," : "", codec);
}

static double frame_rate(const struct track *t) {
	if (t->info.frame_rate_den)
		return (double)t->info.frame_rate_num / t->info.frame_rate_den;
	return t->frame_ticks ? (double)t->timescale / t->frame_ticks : 0;
}

/* The variants' order of preference is that of their rates. */
static unsigned rank(const struct hls_choices *video, const struct hls_choice *c) {
	unsigned n = 1;
	for (size_t i = 0; i < video->count; i++)
		n += video->items[i].rate.average < c->rate.average;
	return n;
}

void hls_put_variant_id(struct buffer *out, const struct hls_choice *c, uint32_t group) {
	buffer_append_string(out, c->track->name);
	if (!group)
		return;
	buffer_append_string(out, ".");
	put_group_name(out, group);
}

static void put_pathway(struct buffer *out, const struct hls_choice *c, uint32_t group, const struct hls_steering *s) {
	buffer_printf(out, ",PATHWAY-ID=\"%s\",STABLE-VARIANT-ID=\"", s->pathway);
	hls_put_variant_id(out, c, group);
	buffer_append_string(out, "\"");
}

struct writing {
	struct buffer *out;
	const struct hls_choices *video, *audio;
	const struct hls_options *options;
};

static void put_variant(void *context, const struct hls_choice *c, uint32_t group) {
	const struct writing *w = context;
	const struct hls_choices *audio = w->audio, *all = w->video->count ? w->video : audio;
	struct buffer *out = w->out;
	char codecs[CODECS_SIZE] = "";
	struct bitrate sound = {0};
	add_codec(codecs, hls_codec(c->info));
	for (size_t i = 0; group && i < audio->count; i++) {
		const struct hls_choice *a = &audio->items[i];
		if (a->info->fourcc != group)
			continue;
		add_codec(codecs, hls_codec(a->info));
		sound.peak = a->rate.peak > sound.peak ? a->rate.peak : sound.peak;
		sound.average = a->rate.average > sound.average ? a->rate.average : sound.average;
	}
	buffer_printf(out, "#EXT-X-STREAM-INF:BANDWIDTH=%u,AVERAGE-BANDWIDTH=%u", c->rate.peak + sound.peak,
	              c->rate.average + sound.average);
	if (all->count > 1)
		buffer_printf(out, ",SCORE=%u.0", rank(all, c));
	if (codecs[0])
		buffer_printf(out, ",CODECS=\"%s\"", codecs);
	if (c->info->kind == TRACK_VIDEO && c->info->info.width)
		buffer_printf(out, ",RESOLUTION=%ux%u", c->info->info.width, c->info->info.height);
	if (c->info->kind == TRACK_VIDEO && frame_rate(c->info) > 0)
		buffer_printf(out, ",FRAME-RATE=%.3f", frame_rate(c->info));
	if (group) {
		buffer_append_string(out, ",AUDIO=\"");
		put_group_name(out, group);
		buffer_append_string(out, "\"");
	}
	if (w->options->steering)
		put_pathway(out, c, group, w->options->steering);
	buffer_append_string(out, "\n");
	put_uri(out, c->track, w->options);
	buffer_append_string(out, "\n");
}

void hls_each_variant(const struct hls_choices *video, const struct hls_choices *audio, hls_variant_fn fn,
                      void *context) {
	for (size_t v = 0; v < video->count; v++) {
		if (!audio->count)
			fn(context, &video->items[v], 0);
		for (size_t a = 0; a < audio->count; a++)
			if (first_of_group(audio, a))
				fn(context, &video->items[v], audio->items[a].info->fourcc);
	}
	for (size_t a = 0; !video->count && a < audio->count; a++)
		fn(context, &audio->items[a], 0);
}

int hls_multivariant_write(const struct segment_store *s, const struct hls_options *o, struct buffer *out) {
	struct hls_choices video, audio;
	int err = hls_gather(s, &video, &audio);
	if (err)
		return err;
	buffer_append_string(out, "#EXTM3U\n#EXT-X-VERSION:9\n");
	if (o->steering)
		buffer_printf(out, "#EXT-X-CONTENT-STEERING:SERVER-URI=\"%s\",PATHWAY-ID=\"%s\"\n", o->steering->uri,
		              o->steering->pathway);
	for (size_t i = 0; video.count && i < audio.count; i++)
		put_media(out, &audio, i, o);
	hls_each_variant(&video, &audio, put_variant,
	                 &(struct writing){.out = out, .video = &video, .audio = &audio, .options = o});
	return buffer_error(out);
}
