/*
 * pathway.h: the names and addresses of pathways: edges that a player may be steered to. Pure.
 */
#pragma once

#include <stdbool.h>

enum { PATHWAY_ID_MAX = 128, PATHWAY_URL_MAX = 512 /* with its NUL */ };

/* True for [A-Za-z0-9._-]{1,128}: it may stand in playlists and URLs as it is. */
bool pathway_id_valid(const char *id);

/* True for http:// or https:// with a host, perhaps a port and a path, without a slash at its end, of characters that
 * need no escape in playlists, XML or JSON. */
bool pathway_url_valid(const char *url);
