/*
 * api_switch.h: POST /api/v1/streams/APP/NAME/switch: the stream goes on with its standby.
 */
#pragma once

#include "common/http/server.h"

/* Adds the route to a worker's server. */
void api_switch_init(struct http_server *server);
