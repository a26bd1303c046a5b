/*
 * drain_api.h: GET and POST /api/v1/drain (docs/openapi.yaml).
 */
#pragma once

struct http_server;

/* Adds the routes to a worker's server. */
void drain_api_init(struct http_server *server);
