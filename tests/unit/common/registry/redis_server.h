/*
 * redis_server.h: a real redis-server of the test's own, on a free port, and the nodes of registry_nodes.h on it.
 */
#pragma once

#include "tests/unit/common/registry/registry_nodes.h"

#include <hiredis/hiredis.h>

/* Empty, as after a restart without persistence; the first one chooses the port. */
void server_start(void);
void server_stop(void);
/* Hangs, and goes on. */
void server_freeze(void);
void server_thaw(void);

redisContext *server_connect(void);
/* Sends one command, which must succeed. */
void server_command(redisContext *c, const char *text);

/* An integer that the server answers, and how often it has carried out a command since it was started. */
long long server_number(const char *command);
long long server_calls(const char *command);

void pause_ms(int ms);

/* A server and both nodes on it, each of which knows that the other is there. */
void redis_nodes_open(void);
void redis_nodes_close(void);

/* Waits until the node can, or cannot, reach Redis. */
void wait_until_up(int node, bool want);
