/*
 * logger.h: one line an event, as key=value text or as JSON, to standard error.
 *
 * A line is formatted on the caller's thread and handed to a writer thread through a bounded queue, so that a reader of
 * our output that stalls never stalls a loop. Lines that find the queue full are counted (`weir_log_dropped_total`) and
 * the loss is told in a line of its own. Any thread may log; before `logger_start` and after `logger_stop` lines are
 * written directly, by main alone. Never log secrets: stream keys, tokens and query strings stay out.
 *
 *     log_info("publish started", log_str("stream", name), log_u64("epoch", epoch));
 *     → time=2026-01-02T03:04:05.678Z level=info msg="publish started" stream=live/cam1 epoch=…
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_field {
	const char *key;
	enum { LOG_FIELD_STR, LOG_FIELD_I64, LOG_FIELD_U64, LOG_FIELD_HEX } type;
	union {
		/* Borrowed for the call; NULL leaves the field out. Cut at 1024 bytes; what is not printable ASCII is escaped
		 * as in JSON, and bytes that are not UTF-8 become U+FFFD. */
		const char *str;
		int64_t i64;
		uint64_t u64;
	};
};

#define log_str(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_STR, .str = (v)})
#define log_i64(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_I64, .i64 = (v)})
#define log_u64(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_U64, .u64 = (v)})
#define log_hex(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_HEX, .u64 = (v)})
/* A negative libuv code as its text: err="connection refused". */
#define log_err(code) log_str("err", logger_error_text(code))

const char *logger_error_text(int code);

/* Set before workers start: the least level written, the form, and the fields `role` and `node` that begin each line.
 */
void logger_configure(enum log_level least, enum log_format format, const char *role, const char *node);

/* Starts the writer thread; 0 or a negative libuv code. */
int logger_start(void);

/* Writes what is queued and joins the writer thread; gives up on a reader that takes nothing for a second. Called once
 * no other thread logs. */
void logger_stop(void);

/* True when lines of this level are written: guards costly fields. */
int logger_enabled(enum log_level level);

enum { LOGGER_PEER_LINES = 50 /* lines a second of one message on one thread */ };

/* For what strangers can cause as often as they like: false when this second has had its LOGGER_PEER_LINES lines of
 * `message` (known by its address, so give a literal). What was left out is counted (`weir_log_left_out_total`) and
 * told in a line of its own when there is room again. */
int logger_admits(enum log_level level, const char *message);

void logger_write(enum log_level level, const char *message, const struct log_field *fields, size_t count);

/* Every call gives at least one field. */
#define log_line(level, message, ...)                                                                                  \
	do {                                                                                                               \
		if (logger_enabled(level)) {                                                                                   \
			const struct log_field log_fields_[] = {__VA_ARGS__};                                                      \
			logger_write(level, message, log_fields_, sizeof log_fields_ / sizeof *log_fields_);                       \
		}                                                                                                              \
	} while (0)
#define log_peer_line(level, message, ...)                                                                             \
	do {                                                                                                               \
		if (logger_admits(level, message))                                                                             \
			log_line(level, message, __VA_ARGS__);                                                                     \
	} while (0)
#define log_peer_info(message, ...) log_peer_line(LOG_INFO, message, __VA_ARGS__)
#define log_peer_warn(message, ...) log_peer_line(LOG_WARN, message, __VA_ARGS__)
#define log_peer_error(message, ...) log_peer_line(LOG_ERROR, message, __VA_ARGS__)
#define log_debug(message, ...) log_line(LOG_DEBUG, message, __VA_ARGS__)
#define log_info(message, ...) log_line(LOG_INFO, message, __VA_ARGS__)
#define log_warn(message, ...) log_line(LOG_WARN, message, __VA_ARGS__)
#define log_error(message, ...) log_line(LOG_ERROR, message, __VA_ARGS__)
