#include "edge/edge.h"
#include "edge/packaging_parts.h"

#include <stdio.h>
#include <string.h>

/* The stream's folder there. */
static void write_folder(const struct steering_pathway *at, const struct stream_name *name,
                         char out[PACKAGING_PLACE_SIZE]) {
	snprintf(out, PACKAGING_PLACE_SIZE, "%.*s/%.*s/", PATHWAY_URL_MAX - 1, at->url, STREAM_NAME_SIZE - 1, name->text);
}

/* steering.json with what a player must bring again. */
static void write_uri(char *out, size_t size, const char *before, const char *base, const char *query) {
	snprintf(out, size, "%ssteering.json?pathway=%s%s%s", before, base, *query ? "&" : "", query);
}

const struct hls_steering *packaging_steer(const struct packaging *p, const char *query,
                                           struct packaging_steering *out) {
	if (!p->config->edge_steering)
		return NULL;
	pathways_self(p->edge, out->pathway);
	write_uri(out->uri, sizeof out->uri, "", out->pathway, query);
	out->hls = (struct hls_steering){.uri = out->uri, .pathway = out->pathway};
	return &out->hls;
}

/* This edge's folder of the stream, where it is known: dash.js reads a relative URI as the page's. */
static void write_place(const struct packaging *p, const struct steering_pathways *all,
                        char out[PACKAGING_PLACE_SIZE]) {
	char self[PATHWAY_ID_MAX + 1];
	out[0] = '\0';
	pathways_self(p->edge, self);
	for (size_t i = 0; i < all->count; i++)
		if (strcmp(all->items[i].id, self) == 0 && all->items[i].url[0])
			write_folder(&all->items[i], &p->name, out);
}

const struct dash_steering *packaging_steer_dash(const struct packaging *p, struct packaging_steering *out) {
	if (!packaging_steer(p, "", out))
		return NULL;
	pathways_find(p->edge, "", &out->pathways);
	write_place(p, &out->pathways, out->place);
	write_uri(out->uri, sizeof out->uri, out->place, out->pathway, "");
	out->dash = (struct dash_steering){
	    .pathways = &out->pathways, .stream = p->name.text, .uri = out->uri, .self = out->pathway};
	return &out->dash;
}

/* From where the next manifest comes: an edge that drains leaves that to the one that takes its players. */
static void write_reload(const struct packaging *p, const struct steering_options *o, char *out, size_t size) {
	char self[PATHWAY_ID_MAX + 1], folder[PACKAGING_PLACE_SIZE] = "";
	const struct steering_pathway *first = &o->pathways->items[0];
	pathways_self(p->edge, self);
	if (first->url[0] && strcmp(first->id, self) != 0)
		write_folder(first, &p->name, folder);
	write_uri(out, size, folder, o->base, o->query);
}

void packaging_look_at_steering(struct packaging *p, struct package_ask *a) {
	const struct package_question *q = &a->question;
	char query[RANDOM_ID_SIZE + 10] = "", self[PATHWAY_ID_MAX + 1], reload[1024];
	struct steering_pathways pathways;
	if (!p->config->edge_steering) {
		packaging_refuse(p, a, 404, "steering_off", "this edge steers nobody: edge.steering is false");
		return;
	}
	pathways_self(p->edge, self);
	pathways_find(p->edge, q->session[0] ? q->session : q->remote, &pathways);
	if (q->session[0])
		snprintf(query, sizeof query, "session=%s", q->session);
	struct steering_options o = {.pathways = &pathways,
	                             .stream = p->name.text,
	                             .base = q->base[0] ? q->base : self,
	                             .query = query,
	                             .reload = reload};
	write_reload(p, &o, reload, sizeof reload);
	struct buffer b;
	buffer_init(&b, 0);
	segment_store_publish(p->store);
	int err = steering_write(p->store, &o, &b);
	struct bytes *text = err ? NULL : buffer_take(&b);
	buffer_fini(&b);
	packaging_answer_text(p, a, text, err, PACKAGE_CACHE_NEVER);
}
