#include "common/base/logger.h"

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/metrics.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

enum {
	QUEUE_LIMIT = 4 * 1024 * 1024, /* bytes that wait for the writer */
	LINE_LIMIT = 64 * 1024,
	VALUE_LIMIT = 1024, /* bytes of one value, before they are escaped */
	THREAD_ROW = 1,     /* of metrics.h */
	POLL_MS = 100,
	PATIENCE_MS = 1000, /* with a reader that takes nothing, when nobody may wait: before the start and at the end */
};

/* Set before workers start, but for the queue, which its mutex guards. */
static struct {
	enum log_level least;
	enum log_format format;
	char role[32], node[160];
	bool started;
	atomic_bool patient; /* the writer waits for its reader as long as it takes */
	bool stopping;       /* by lock */
	uv_thread_t thread;
	uv_mutex_t lock;
	uv_cond_t changed;
	struct buffer queue; /* by lock */
	uint64_t dropped;    /* by lock */
} logger = {.least = LOG_INFO};

const char *logger_error_text(int code) {
	return code ? uv_strerror(code) : "none";
}

void logger_configure(enum log_level least, enum log_format format, const char *role, const char *node) {
	logger.least = least;
	logger.format = format;
	snprintf(logger.role, sizeof logger.role, "%s", role ? role : "");
	snprintf(logger.node, sizeof logger.node, "%s", node ? node : "");
}

int logger_enabled(enum log_level level) {
	return level >= logger.least;
}

/* --- a line --- */

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* The character of a UTF-8 sequence at `s` (RFC 3629) and its size; U+FFFD and 1 for a byte that begins none. */
static size_t read_utf8(const unsigned char *s, uint32_t *out) {
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t size = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
	uint32_t c = size ? s[0] & (0xffu >> (size + 1)) : 0;
	for (size_t i = 1; i < size; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			size = 0; /* the NUL ends here too */
			break;
		}
		c = c << 6 | (s[i] & 0x3fu);
	}
	bool is_right = size && c >= least[size] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
	*out = is_right ? c : 0xfffd;
	return is_right ? size : 1;
}

/* Printable ASCII but quote and backslash stands for itself; all else is escaped as JSON does, in text too. */
static void put_escaped(struct buffer *b, const char *text) {
	const unsigned char *s = (const unsigned char *)text, *end = s + VALUE_LIMIT;
	while (*s && s < end) {
		uint32_t c = *s;
		size_t size = c < 0x80 ? 1 : read_utf8(s, &c);
		s += size;
		if (c == '"' || c == '\\')
			buffer_printf(b, "\\%c", (int)c);
		else if (c >= 0x20 && c < 0x7f)
			buffer_u8(b, (uint8_t)c);
		else if (c < 0x10000)
			buffer_printf(b, "\\u%04x", c);
		else
			buffer_printf(b, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + (c & 0x3ff));
	}
	if (*s)
		buffer_append_string(b, "...");
}

static bool is_plain(const char *s) {
	const char *end = s + VALUE_LIMIT;
	if (!*s)
		return false;
	for (; *s; s++)
		if (s == end || *s <= ' ' || *s >= 0x7f || *s == '"' || *s == '\\' || *s == '=')
			return false;
	return true;
}

static void put_key(struct buffer *b, const char *key) {
	buffer_printf(b, logger.format == LOG_FORMAT_JSON ? "%s\"%s\":" : "%s%s=",
	              b->size <= 1                       ? ""
	              : logger.format == LOG_FORMAT_JSON ? ","
	                                                 : " ",
	              key);
}

static void put_string(struct buffer *b, const char *key, const char *value) {
	put_key(b, key);
	if (logger.format == LOG_FORMAT_TEXT && is_plain(value)) {
		buffer_append_string(b, value);
		return;
	}
	buffer_u8(b, '"');
	put_escaped(b, value);
	buffer_u8(b, '"');
}

static void put_field(struct buffer *b, const struct log_field *f) {
	char hex[24];
	switch (f->type) {
	case LOG_FIELD_STR:
		if (f->str)
			put_string(b, f->key, f->str);
		break;
	case LOG_FIELD_I64:
		put_key(b, f->key);
		buffer_printf(b, "%lld", (long long)f->i64);
		break;
	case LOG_FIELD_U64:
		put_key(b, f->key);
		buffer_printf(b, "%llu", (unsigned long long)f->u64);
		break;
	case LOG_FIELD_HEX:
		snprintf(hex, sizeof hex, "%016llx", (unsigned long long)f->u64);
		put_string(b, f->key, hex);
		break;
	}
}

static void put_time(struct buffer *b) {
	struct timespec t;
	struct tm parts;
	char text[64], whole[80];
	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &parts);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(whole, sizeof whole, "%s.%03ldZ", text, t.tv_nsec / 1000000);
	put_string(b, "time", whole);
}

static void format_line(struct buffer *b, enum log_level level, const char *message, const struct log_field *fields,
                        size_t count) {
	if (logger.format == LOG_FORMAT_JSON)
		buffer_u8(b, '{');
	put_time(b);
	put_string(b, "level", level_names[level]);
	put_string(b, "msg", message);
	if (*logger.role)
		put_string(b, "role", logger.role);
	if (*logger.node)
		put_string(b, "node", logger.node);
	for (size_t i = 0; i < count; i++)
		put_field(b, &fields[i]);
	buffer_append_string(b, logger.format == LOG_FORMAT_JSON ? "}\n" : "\n");
}

/* --- writing --- */

/*
 * Writes pieces that a pipe which polls as writable takes whole, so that the wait for a reader that has stalled is a
 * wait in `poll`, and can be given up. False if it was, or if there is no reader.
 */
static bool write_all(const uint8_t *data, size_t size) {
	int waited_ms = 0;
	while (size) {
		struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
		int ready = poll(&p, 1, POLL_MS);
		if (ready == 0) {
			waited_ms += POLL_MS;
			if (!atomic_load(&logger.patient) && waited_ms >= PATIENCE_MS)
				return false;
			continue;
		}
		ssize_t n = ready > 0 ? write(STDERR_FILENO, data, size < PIPE_BUF ? size : PIPE_BUF) : -1;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return false;
		if (n > 0) {
			waited_ms = 0;
			data += n;
			size -= (size_t)n;
		}
	}
	return true;
}

static void tell_dropped(uint64_t dropped) {
	struct buffer line;
	struct log_field field = log_u64("lines", dropped);
	buffer_init(&line, LINE_LIMIT);
	format_line(&line, LOG_WARN, "log lines were lost: the reader of this log is too slow", &field, 1);
	if (!buffer_error(&line))
		write_all(line.block->data, line.size);
	buffer_fini(&line);
}

/* Takes what is queued, or waits for it; false at the end. */
static bool take_batch(struct buffer *batch, uint64_t *dropped) {
	uv_mutex_lock(&logger.lock);
	while (logger.queue.size == 0 && !logger.stopping)
		uv_cond_wait(&logger.changed, &logger.lock);
	*batch = logger.queue;
	*dropped = logger.dropped;
	buffer_init(&logger.queue, 0);
	logger.dropped = 0;
	uv_mutex_unlock(&logger.lock);
	return batch->size != 0;
}

static void writer_main(void *arg) {
	struct buffer batch;
	uint64_t dropped;
	sigset_t all;
	(void)arg;
	/* Signals are for the loops; a reader that closed is seen as EPIPE. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	metrics_thread(THREAD_ROW);
	bool is_read = true;
	while (take_batch(&batch, &dropped)) {
		/* A reader that was given up stays so; without one lines go nowhere, as with a closed standard error. */
		is_read = (is_read || atomic_load(&logger.patient)) && write_all(batch.block->data, batch.size);
		buffer_fini(&batch);
		if (dropped && is_read)
			tell_dropped(dropped);
	}
	buffer_fini(&batch);
}

int logger_start(void) {
	int err = uv_mutex_init(&logger.lock);
	if (err)
		return err;
	err = uv_cond_init(&logger.changed);
	if (err)
		goto fail_lock;
	buffer_init(&logger.queue, 0);
	logger.stopping = false;
	atomic_store(&logger.patient, true);
	err = uv_thread_create(&logger.thread, writer_main, NULL);
	if (err)
		goto fail_changed;
	logger.started = true;
	return 0;
fail_changed:
	atomic_store(&logger.patient, false);
	uv_cond_destroy(&logger.changed);
fail_lock:
	uv_mutex_destroy(&logger.lock);
	return err;
}

void logger_stop(void) {
	if (!logger.started)
		return;
	atomic_store(&logger.patient, false);
	uv_mutex_lock(&logger.lock);
	logger.stopping = true;
	uv_cond_signal(&logger.changed);
	uv_mutex_unlock(&logger.lock);
	uv_thread_join(&logger.thread);
	buffer_fini(&logger.queue);
	uv_cond_destroy(&logger.changed);
	uv_mutex_destroy(&logger.lock);
	logger.started = false;
}

static void enqueue(const struct buffer *line) {
	uv_mutex_lock(&logger.lock);
	bool was_empty = logger.queue.size == 0, fits = logger.queue.size + line->size <= QUEUE_LIMIT;
	if (fits) {
		buffer_append(&logger.queue, line->block->data, line->size);
		fits = !buffer_error(&logger.queue);
		logger.queue.error = 0; /* what is queued stays */
	}
	if (!fits) {
		logger.dropped++;
		metric_inc(M_LOG_DROPPED);
	}
	if (was_empty)
		uv_cond_signal(&logger.changed);
	uv_mutex_unlock(&logger.lock);
}

/* --- what peers cause --- */

/* One message's lines of the present second, on this thread. */
struct allowance {
	const char *message;
	uint64_t second;
	uint32_t lines, left_out;
};

enum { ALLOWANCES = 32 };
static _Thread_local struct allowance allowances[ALLOWANCES];

/* The message's own, or the one that was used longest ago. */
static struct allowance *allowance_of(const char *message) {
	struct allowance *oldest = &allowances[0];
	for (struct allowance *a = allowances; a < allowances + ALLOWANCES; a++) {
		if (a->message == message)
			return a;
		if (a->second < oldest->second)
			oldest = a;
	}
	*oldest = (struct allowance){.message = message};
	return oldest;
}

int logger_admits(enum log_level level, const char *message) {
	if (!logger_enabled(level))
		return 0;
	struct allowance *a = allowance_of(message);
	uint64_t second = clock_monotonic_ms() / 1000;
	if (a->second != second) {
		uint32_t left_out = a->left_out;
		*a = (struct allowance){.message = message, .second = second};
		if (left_out)
			log_line(level, "lines were left out, for there were too many of their kind", log_str("like", message),
			         log_u64("count", left_out));
	}
	if (a->lines < LOGGER_PEER_LINES) {
		a->lines++;
		return 1;
	}
	a->left_out++;
	metric_inc(M_LOG_LEFT_OUT);
	return 0;
}

void logger_write(enum log_level level, const char *message, const struct log_field *fields, size_t count) {
	struct buffer line;
	buffer_init(&line, LINE_LIMIT);
	format_line(&line, level, message, fields, count);
	if (buffer_error(&line))
		metric_inc(M_LOG_DROPPED);
	else if (logger.started)
		enqueue(&line);
	else
		write_all(line.block->data, line.size);
	buffer_fini(&line);
}
