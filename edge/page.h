/*
 * page.h: the page to watch and what belongs to it, served from memory (edge/player has the files):
 *
 *   GET /              what is live
 *   GET /APP/NAME/     the player; /APP/NAME leads there who asks for HTML
 *   GET /player/FILE   scripts, styles, libraries
 *   GET /time          the edge's time of day, ISO 8601 with milliseconds
 *
 * Without the files, 404 tells what to do.
 */
#pragma once

#include "common/base/config.h"
#include "common/http/server.h"
#include "edge/assets.h"

/* Reads `player.dir`, or where it is empty share/weir/player beside the folder that the program is in; blocks. NULL,
 * and a warning, where there is nothing to serve. */
struct assets *page_read(const struct config *config);

/* Adds the routes: after all others, for /APP/NAME matches much. The server's owner is a struct edge. */
void page_add_routes(struct http_server *s);
