/*
 * worker.h: a thread with one libuv loop, and the group of them that a node runs.
 *
 * Every object belongs to one worker and only its thread touches it. Workers talk by messages: `worker_post` puts one
 * into the other's mailbox, which wakes its loop only when it was empty. Messages of one sender to one receiver arrive
 * in order. Its lock is the only one that workers meet at, but for the logger's.
 *
 * Within a loop turn work is gathered: an object asks with `worker_at_turn_end` to be run once after everything that
 * this turn brought (socket reads, messages, timers) has been handled; that is where viewers are fed.
 */
#pragma once

#include "common/base/list.h"
#include "common/loop/busy.h"
#include "common/loop/timer.h"

#include <stdatomic.h>
#include <stdint.h>
#include <uv.h>

struct worker;
struct workers;
struct message;
struct tls_scratch;

/* Runs on the receiver's thread, owns the message and frees it. */
typedef void (*message_fn)(struct worker *receiver, struct message *);

/* Embedded in whatever is sent. What it carries: counted immutable bytes, plain values, and pointers to objects that
 * the protocol between both ends keeps alive (an owner frees such an object only after the other end has let go). */
struct message {
	struct message *next;
	message_fn deliver;
};

struct turn_task {
	struct list node;
	void (*run)(struct turn_task *);
};

enum { WORKER_READ_BUFFER = 65536, WORKERS_MAX = 128 };

struct worker {
	uv_loop_t loop;
	struct workers *group;
	unsigned index;           /* 0 … count-1 within the group */
	void *node;               /* the role's state on this worker (origin or edge), set by its start hook */
	struct streams *streams;  /* common/stream's table on this worker, set by streams_init */
	uint32_t peer_timeout_ms; /* that conns begin with (conn_set_peer_timeout), set by the start hook; 0: none */

	struct timer_heap timers;
	uv_timer_t timer_handle;
	struct list turn_tasks, next_turn_tasks;
	struct busy_meter busy;
	uv_prepare_t before_poll;
	uv_check_t after_poll;
	uv_idle_t again; /* runs while a task waits for the next turn: the poll does not sleep */

	uv_mutex_t mailbox_lock;
	struct message *mailbox_first, **mailbox_last;
	uv_async_t mailbox_wake;

	struct tls_scratch *tls_scratch; /* tls_conn.c's buffers */

	uv_thread_t thread;
	int start_status;
	uint8_t read_buffer[WORKER_READ_BUFFER]; /* where conn.c reads; valid during on_read only */
};

/* What a role does on each worker; both run on that worker's thread. */
struct worker_hooks {
	/* Opens listeners and so on. A negative code makes workers_start fail with it. */
	int (*start)(struct worker *, void *context);
	/* Begins to close everything that this worker owns; held objects let go as they end. */
	void (*stop)(struct worker *, void *context);
	/* All held objects of all workers are gone: frees what is left of the role's state. No messages any more. */
	void (*fini)(struct worker *, void *context);
};

/* Starts `count` (1–128) workers; returns when all start hooks have run, with the first failure if any. */
int workers_start(struct workers **out, unsigned count, const struct worker_hooks *hooks, void *context);

/*
 * Runs every stop hook, waits until all holds are released and all messages delivered (at most `timeout_ms`), ends the
 * loops, joins the threads and frees the group. 0, or UV_ETIMEDOUT: something did not let go; the threads then still
 * run and the process should exit.
 */
int workers_stop(struct workers **group, uint64_t timeout_ms);

unsigned workers_count(const struct workers *group);
struct worker *workers_at(struct workers *group, unsigned index); /* index below count */

/* The worker that is home to a name hash. */
struct worker *workers_home(struct workers *group, uint64_t hash);

/* Any thread. The group must be running. */
void worker_post(struct worker *to, struct message *m);

/* On the worker's thread. Queued already: nothing happens. A task may unlink itself with list_remove(&task->node). */
void worker_at_turn_end(struct worker *w, struct turn_task *task);

/* The same at the end of the next turn, behind its other tasks; it comes at once, and brings what has come meanwhile:
 * the loop is polled between the two, also where a task asks. For long work that is done in slices. */
void worker_at_next_turn(struct worker *w, struct turn_task *task);

void turn_task_init(struct turn_task *task, void (*run)(struct turn_task *));

/* An object that must be gone before the group may stop holds it from creation to free. Any thread. */
void worker_hold(struct worker *w);
void worker_release(struct worker *w);

/* The group's bound on open connections, for limits.c alone. */
struct connection_limit {
	_Atomic int64_t most, open; /* most 0: no bound */
	_Atomic uint64_t told_ms;   /* when a refusal was last logged */
};
struct connection_limit *worker_connection_limit(struct worker *w);

/* True once the stop hooks are running: begin nothing new. Any thread. */
int worker_stopping(const struct worker *w);

/* The loop's cached time in milliseconds, monotonic. On the worker's thread. */
static inline uint64_t worker_now_ms(struct worker *w) {
	return uv_now(&w->loop);
}
