/*
 * http2.h: HTTP/2 on a connection that http1.c began. Internal.
 */
#pragma once

#include "common/base/bytes.h"
#include "common/http/connection.h"

enum { HTTP2_PREFACE_SIZE = 24 };
extern const char http2_preface[HTTP2_PREFACE_SIZE + 1]; /* RFC 9113, 3.4 */

/* The client's preface has come: takes the connection over, its conn, timer and list node. 0, or a libuv code: the
 * connection is as it was. Feed the preface and what follows by http2_feed then. */
int http2_begin(struct http_connection *c);

/* Bytes of the client, from its preface on. */
void http2_feed(struct http_connection *c, struct slice data);

/* A GOAWAY that says so, a second later one that counts: no more streams, and the end once those there are have ended
 * (RFC 9113, 6.8). */
void http2_drain(struct http_connection *c);

/* GOAWAY, the end of all streams, and of the connection once that is sent. */
void http2_stop(struct http_connection *c);
