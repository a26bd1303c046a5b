/*
 * sender.h: feeds the blocks of a view to a connection, as they come. What RTMP players and HTTP-FLV viewers share.
 *
 * In each turn that brought blocks it hands all of them to the kernel in one writev, by reference. When the socket is
 * full the cursor pauses until the connection says that it is writable; if the position has left the log by then, the
 * sender goes on at the newest keyframe with its head. It owns no memory but itself.
 *
 *     sender_open → (on_first) → … → on_end | on_fail → sender_close, in the callback or any time
 */
#pragma once

#include "common/loop/sink.h"
#include "common/stream/cursor.h"

struct sender {
	struct cursor cursor;
	struct conn *conn; /* NULL: to `sink` */
	struct sink *sink;
	const struct sender_ops *ops;
	bool need_head;                /* the next key item's head goes out before it */
	bool began;                    /* something has been sent */
	bool end_at_key, ended_at_key; /* sender_end_at_key: wanted; why on_end came */
	bool paused;
};

struct sender_ops {
	/* The first item, with these flags (log.h), is about to be sent: what the protocol says before media may be queued
	 * on the conn (conn_send). 0, or a negative libuv code, which on_fail then gets. May be NULL. */
	int (*on_first)(struct sender *, uint32_t flags);
	/* The run's last block (if it had one), or the last before a keyframe at which it was to end, has been handed over.
	 * The sender has stopped by itself. */
	void (*on_end)(struct sender *);
	/* The connection failed: `error` is what the write said. The sender has stopped by itself. */
	void (*on_fail)(struct sender *, int error);
	/* It fell out of the log and goes on at a keyframe. For logs; may be NULL. */
	void (*on_overrun)(struct sender *);
};

void sender_open(struct sender *s, struct conn *c, struct log *l, int64_t history_us, const struct sender_ops *ops);

/* The same to a sink, which must outlive the sender. */
void sender_open_sink(struct sender *s, struct sink *k, struct log *l, int64_t history_us,
                      const struct sender_ops *ops);

/* The conn's or the sink's on_writable calls this. */
void sender_writable(struct sender *s);

/* Stops without leaving the log (RTMP pause); resumed, it goes on live, at the newest keyframe. */
void sender_pause(struct sender *s);
void sender_resume(struct sender *s);

/* Sends what is before the next keyframe and ends there: on_end. */
void sender_end_at_key(struct sender *s);

/* Closed already, or never opened but zeroed, is fine. */
void sender_close(struct sender *s);
