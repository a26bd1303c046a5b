/*
 * steering.h: content steering: the manifest that tells a player which pathways (edges) there are and which it should
 * prefer (draft-pantos-hls-rfc8216bis, 7; ETSI TS 103 998 for DASH). Pure.
 *
 * Playlists have the URIs of one pathway only, the edge's that wrote them; the others are its clones, with a URI for
 * each variant, since the edges may differ in host, port and scheme. So players without steering are not bothered, and
 * edges that come later become known too.
 */
#pragma once

#include "common/base/buffer.h"
#include "common/base/pathway.h"
#include "common/package/segment_store.h"

enum { STEERING_PATHWAYS_MAX = 8 };

struct steering_pathway {
	char id[PATHWAY_ID_MAX + 1]; /* [A-Za-z0-9_.-] */
	char url[PATHWAY_URL_MAX];   /* of the edge, with its scheme and without a slash at its end; "": not known */
	bool draining;
};

struct steering_pathways {
	struct steering_pathway items[STEERING_PATHWAYS_MAX]; /* the most wanted first */
	size_t count;
};

struct steering_options {
	const struct steering_pathways *pathways;
	const char *stream; /* APP/NAME */
	const char *base;   /* the pathway whose URIs the player has */
	const char *query;  /* behind every URI, without `?`; "": nothing */
	const char *reload; /* URI of the next manifest */
};

/* The manifest as JSON. 0; UV_EAGAIN: there are no variants yet; UV_ENOMEM. */
int steering_write(const struct segment_store *s, const struct steering_options *o, struct buffer *out);
