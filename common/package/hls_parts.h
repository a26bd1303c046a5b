/*
 * hls_parts.h: what the playlists' sources share, and nobody else.
 */
#pragma once

#include "common/package/hls.h"

/* `?query`, where there is one that a quoted string can hold. */
void hls_put_query(struct buffer *out, const char *query);

/* The names of codecs as playlists for all players want them. */
const char *hls_codec(const struct track *t);
