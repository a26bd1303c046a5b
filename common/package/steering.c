#include "common/package/steering.h"
#include "common/package/hls_parts.h"

#include <string.h>

enum { TTL_S = 10 };

/* --- clones --- */

struct cloning {
	const struct steering_options *options;
	const struct steering_pathway *to;
	struct buffer *out;
	bool any;
};

static void put_uri(struct cloning *c, const struct segment_track *t) {
	buffer_printf(c->out, "\":\"%s/%s/%s/index.m3u8", c->to->url, c->options->stream, t->name);
	hls_put_query(c->out, c->options->query);
	buffer_append_string(c->out, "\"");
}

static void begin_uri(struct cloning *c) {
	buffer_append_string(c->out, c->any ? ",\"" : "\"");
	c->any = true;
}

static void put_variant(void *context, const struct hls_choice *choice, uint32_t group) {
	struct cloning *c = context;
	begin_uri(c);
	hls_put_variant_id(c->out, choice, group);
	put_uri(c, choice->track);
}

static void put_clone(struct cloning *c, const struct hls_choices *video, const struct hls_choices *audio) {
	buffer_printf(c->out, "{\"BASE-ID\":\"%s\",\"ID\":\"%s\",\"URI-REPLACEMENT\":{\"PER-VARIANT-URIS\":{",
	              c->options->base, c->to->id);
	c->any = false;
	hls_each_variant(video, audio, put_variant, c);
	buffer_append_string(c->out, "},\"PER-RENDITION-URIS\":{");
	c->any = false;
	for (size_t i = 0; video->count && i < audio->count; i++) {
		begin_uri(c);
		buffer_append_string(c->out, audio->items[i].track->name);
		put_uri(c, audio->items[i].track);
	}
	buffer_append_string(c->out, "}}}");
}

static int put_clones(const struct segment_store *s, const struct steering_options *o, struct buffer *out) {
	struct hls_choices video, audio;
	int err = hls_gather(s, &video, &audio);
	bool any = false;
	if (err)
		return err;
	buffer_append_string(out, ",\"PATHWAY-CLONES\":[");
	for (size_t i = 0; i < o->pathways->count; i++) {
		const struct steering_pathway *p = &o->pathways->items[i];
		if (!p->url[0] || strcmp(p->id, o->base) == 0)
			continue;
		buffer_append_string(out, any ? ",\n" : "\n");
		any = true;
		put_clone(&(struct cloning){.options = o, .to = p, .out = out}, &video, &audio);
	}
	buffer_append_string(out, "]");
	return 0;
}

int steering_write(const struct segment_store *s, const struct steering_options *o, struct buffer *out) {
	const struct steering_pathways *p = o->pathways;
	buffer_printf(out, "{\"VERSION\":1,\"TTL\":%d,\"RELOAD-URI\":\"%s\",\"PATHWAY-PRIORITY\":[", TTL_S, o->reload);
	for (size_t i = 0; i < p->count; i++)
		buffer_printf(out, "%s\"%s\"", i ? "," : "", p->items[i].id);
	buffer_append_string(out, "]");
	int err = put_clones(s, o, out);
	buffer_append_string(out, "}\n");
	return err ? err : buffer_error(out);
}
