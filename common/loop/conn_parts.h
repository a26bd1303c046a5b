/*
 * conn_parts.h: a conn's parts. Internal: conn.c (reading, sending, closing), conn_connect.c (opening one),
 * conn_stall.c (peers that take nothing).
 */
#pragma once

#include "common/loop/conn.h"

void conn_init(struct conn *c, struct worker *w, const struct conn_ops *ops);
int conn_init_handle(struct conn *c, bool is_unix);

/* The socket is connected. */
void conn_begin_reading(struct conn *c);

/* `writing` has just been set: whether the peer takes something is watched from now on. 0, or UV_ENOMEM. */
int conn_stall_watch(struct conn *c);
void conn_stall_init(struct conn *c);

/* The conn closes while it is connecting: the requests under way end by themselves. */
void conn_connect_cancel(struct conn *c);
