#include "common/base/logger.h"

#include "common/base/buffer.h"
#include "common/base/metrics.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

enum { QUEUE_LIMIT = 4 * 1024 * 1024, LINE_LIMIT = 16384, THREAD_ROW = 1 };

/* Set before workers start, but for the queue, which its mutex guards. */
static struct {
	enum log_level least;
	enum log_format format;
	char role[32], node[160];
	bool started, stopping;
	uv_thread_t thread;
	uv_mutex_t lock;
	uv_cond_t changed;
	struct buffer queue;
	uint64_t dropped;
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

/* Printable ASCII but quote and backslash stands for itself; all else is escaped, alike in text and in JSON. */
static void put_escaped(struct buffer *b, const char *s) {
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '"' || c == '\\')
			buffer_printf(b, "\\%c", c);
		else if (c >= 0x20 && c < 0x7f)
			buffer_u8(b, c);
		else
			buffer_printf(b, "\\u%04x", c);
	}
}

static bool is_plain(const char *s) {
	if (!*s)
		return false;
	for (; *s; s++)
		if (*s <= ' ' || *s >= 0x7f || *s == '"' || *s == '\\' || *s == '=')
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

static void write_all(const uint8_t *data, size_t size) {
	while (size) {
		ssize_t n = write(STDERR_FILENO, data, size);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return; /* nobody is left who could be told */
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
	}
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

static void writer_main(void *arg) {
	(void)arg;
	metrics_thread(THREAD_ROW);
	uv_mutex_lock(&logger.lock);
	for (;;) {
		while (logger.queue.size == 0 && !logger.stopping)
			uv_cond_wait(&logger.changed, &logger.lock);
		if (logger.queue.size == 0)
			break;
		struct buffer batch = logger.queue;
		uint64_t dropped = logger.dropped;
		buffer_init(&logger.queue, QUEUE_LIMIT);
		logger.dropped = 0;
		uv_mutex_unlock(&logger.lock);
		write_all(batch.block->data, batch.size);
		buffer_fini(&batch);
		if (dropped)
			tell_dropped(dropped);
		uv_mutex_lock(&logger.lock);
	}
	uv_mutex_unlock(&logger.lock);
}

int logger_start(void) {
	int err = uv_mutex_init(&logger.lock);
	if (err)
		return err;
	err = uv_cond_init(&logger.changed);
	if (err)
		return err;
	buffer_init(&logger.queue, QUEUE_LIMIT);
	logger.stopping = false;
	err = uv_thread_create(&logger.thread, writer_main, NULL);
	logger.started = !err;
	return err;
}

void logger_stop(void) {
	if (!logger.started)
		return;
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
	bool was_empty = logger.queue.size == 0;
	if (logger.queue.size + line->size <= QUEUE_LIMIT)
		buffer_append(&logger.queue, line->block->data, line->size);
	else
		buffer_reserve(&logger.queue, QUEUE_LIMIT); /* fails, as a failed append does */
	if (buffer_error(&logger.queue)) {
		logger.queue.error = 0; /* what is queued stays; this line is lost */
		logger.dropped++;
		metric_inc(M_LOG_DROPPED);
	}
	if (was_empty)
		uv_cond_signal(&logger.changed);
	uv_mutex_unlock(&logger.lock);
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
