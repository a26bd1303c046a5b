#include "common/base/logger.h"

#include "common/base/buffer.h"
#include "common/base/metrics.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

/* Standard error as a pipe. What is written is read by a thread, from when the test says. */
static struct {
	int saved, read_end;
	pthread_t thread;
	struct buffer text;
} capture;

static void capture_begin(void) {
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	capture.saved = dup(STDERR_FILENO);
	capture.read_end = ends[0];
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	buffer_init(&capture.text, 0);
}

static void *read_all(void *arg) {
	char chunk[4096];
	ssize_t n;
	while ((n = read(capture.read_end, chunk, sizeof chunk)) > 0)
		buffer_append(&capture.text, chunk, (size_t)n);
	return arg;
}

static void capture_read(void) {
	cr_assert_eq(pthread_create(&capture.thread, NULL, read_all, NULL), 0);
}

/* Gives standard error back and ends the pipe. */
static void capture_close(void) {
	dup2(capture.saved, STDERR_FILENO);
	close(capture.saved);
}

/* What was written, as text; free it with capture_free. */
static const char *capture_end(void) {
	capture_close();
	pthread_join(capture.thread, NULL);
	close(capture.read_end);
	buffer_u8(&capture.text, 0);
	cr_assert_eq(buffer_error(&capture.text), 0);
	return (const char *)capture.text.block->data;
}

static void capture_free(void) {
	buffer_fini(&capture.text);
}

static void configure(enum log_level least, enum log_format format) {
	logger_configure(least, format, NULL, NULL);
}

TestSuite(logger, .timeout = 60);

/* What one line says behind its time and level. */
static const char *said(const char *text) {
	const char *at = strstr(text, "msg");
	cr_assert(at, "%s", text);
	return at;
}

#define CAPTURED(call)                                                                                                 \
	capture_begin();                                                                                                   \
	capture_read();                                                                                                    \
	call;                                                                                                              \
	const char *text = capture_end()

Test(logger, a_line_is_time_level_message_who_and_fields) {
	logger_configure(LOG_INFO, LOG_FORMAT_TEXT, "edge", "edge-1");
	CAPTURED(log_info("viewer joined", log_str("stream", "live/cam1"), log_u64("epoch", UINT64_MAX),
	                  log_i64("delta", INT64_MIN), log_hex("session", 0xabc), log_err(UV_ECONNREFUSED)));
	int year, month, day, hour, minute, second, ms, end = 0;
	cr_assert_eq(
	    sscanf(text, "time=%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour, &minute, &second, &ms, &end),
	    7);
	cr_assert_gt(year, 2000);
	cr_assert_str_eq(text + end, "level=info msg=\"viewer joined\" role=edge node=edge-1 stream=live/cam1 "
	                             "epoch=18446744073709551615 delta=-9223372036854775808 session=0000000000000abc "
	                             "err=\"connection refused\"\n");
	capture_free();
}

Test(logger, json_has_the_same_fields) {
	logger_configure(LOG_INFO, LOG_FORMAT_JSON, "edge", "edge-1");
	CAPTURED(log_warn("late", log_str("stream", "live/cam1"), log_i64("delta", -5), log_hex("session", 0xabc)));
	cr_assert_eq(strncmp(text, "{\"time\":\"20", 11), 0);
	cr_assert(strstr(text, "Z\",\"level\":\"warn\",\"msg\":\"late\",\"role\":\"edge\",\"node\":\"edge-1\","
	                       "\"stream\":\"live/cam1\",\"delta\":-5,\"session\":\"0000000000000abc\"}\n"));
	capture_free();
}

Test(logger, lines_below_the_least_level_are_not_written) {
	configure(LOG_WARN, LOG_FORMAT_TEXT);
	CAPTURED({
		log_debug("a", log_i64("n", 1));
		log_info("b", log_i64("n", 2));
		log_warn("c", log_i64("n", 3));
		log_error("d", log_i64("n", 4));
	});
	cr_assert_null(strstr(text, "n=1"));
	cr_assert_null(strstr(text, "n=2"));
	cr_assert(strstr(text, "level=warn msg=c n=3\n"));
	cr_assert(strstr(text, "level=error msg=d n=4\n"));
	capture_free();
}

Test(logger, a_field_without_a_text_is_left_out) {
	configure(LOG_INFO, LOG_FORMAT_TEXT);
	CAPTURED(log_info("a", log_str("gone", NULL), log_str("empty", "")));
	cr_assert_str_eq(said(text), "msg=a empty=\"\"\n");
	capture_free();
}

Test(logger, a_value_cannot_forge_a_line_or_a_field) {
	configure(LOG_INFO, LOG_FORMAT_TEXT);
	CAPTURED(log_info("a", log_str("agent", "x\nlevel=error msg=\"b\""), log_str("b", "c=d"), log_str("e", "f g")));
	cr_assert_str_eq(said(text), "msg=a agent=\"x\\u000alevel=error msg=\\\"b\\\"\" b=\"c=d\" e=\"f g\"\n");
	capture_free();
}

Test(logger, utf8_is_escaped_as_its_characters) {
	configure(LOG_INFO, LOG_FORMAT_JSON);
	CAPTURED(log_info("a", log_str("two", "\xc3\xa9"), log_str("three", "\xe2\x82\xac"),
	                  log_str("four", "\xf0\x9f\x98\x80"), log_str("last", "\xf4\x8f\xbf\xbf")));
	cr_assert_str_eq(said(text), "msg\":\"a\",\"two\":\"\\u00e9\",\"three\":\"\\u20ac\",\"four\":\"\\ud83d\\ude00\","
	                             "\"last\":\"\\udbff\\udfff\"}\n");
	capture_free();
}

Test(logger, bytes_that_are_not_utf8_are_replaced) {
	configure(LOG_INFO, LOG_FORMAT_JSON);
	CAPTURED(log_info("a", log_str("cut", "\xe2\x82"), log_str("overlong", "\xc0\xaf"),
	                  log_str("long3", "\xe0\x80\x80"), log_str("surrogate", "\xed\xa0\x80"),
	                  log_str("high", "\xf4\x90\x80\x80"), log_str("lone", "\x80x")));
	cr_assert_str_eq(said(text), "msg\":\"a\",\"cut\":\"\\ufffd\\ufffd\",\"overlong\":\"\\ufffd\\ufffd\","
	                             "\"long3\":\"\\ufffd\\ufffd\\ufffd\",\"surrogate\":\"\\ufffd\\ufffd\\ufffd\","
	                             "\"high\":\"\\ufffd\\ufffd\\ufffd\\ufffd\",\"lone\":\"\\ufffdx\"}\n");
	capture_free();
}

/* The end of a JSON string that begins at `s`, or NULL. */
static const char *skip_string(const char *s) {
	if (*s++ != '"')
		return NULL;
	for (; *s != '"'; s++) {
		if (*s < 0x20 || *s == 0x7f)
			return NULL;
		if (*s != '\\')
			continue;
		s++;
		if (!*s || !strchr("\"\\/bfnrtu", *s) || (*s == 'u' && strspn(s + 1, "0123456789abcdef") < 4))
			return NULL;
	}
	return s + 1;
}

/* True for one flat object of strings and numbers and its newline. */
static bool is_json_line(const char *s) {
	do {
		s = skip_string(s + 1);
		if (!s || *s++ != ':')
			return false;
		s = *s == '"' ? skip_string(s) : s + strspn(s, "-0123456789");
	} while (s && *s == ',');
	return s && strcmp(s, "}\n") == 0;
}

Test(logger, json_is_valid_for_any_bytes) {
	char all[256];
	for (int i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	all[255] = '\0';
	configure(LOG_INFO, LOG_FORMAT_JSON);
	CAPTURED(log_info(all, log_str("k", all), log_u64("n", 1)));
	cr_assert_eq(*text, '{');
	cr_assert(is_json_line(text), "%s", text);
	cr_assert(strstr(text, " !\\\"#$"));
	capture_free();
}

Test(logger, a_long_value_is_cut_and_the_line_is_written) {
	static char value[100000];
	memset(value, '\1', sizeof value - 1);
	configure(LOG_INFO, LOG_FORMAT_JSON);
	CAPTURED(log_info("a", log_str("long", value), log_str("next", "b")));
	cr_assert(is_json_line(text));
	cr_assert(strstr(text, "\\u0001...\",\"next\":\"b\"}"));
	cr_assert_lt(strlen(text), 8000);
	cr_assert_eq(metric_value(M_LOG_DROPPED), 0);
	capture_free();
}

enum { WRITERS = 4, LINES = 2000 };

static void *write_lines(void *arg) {
	metrics_thread(2 + (unsigned)(size_t)arg);
	for (int i = 0; i < LINES; i++)
		log_info("line", log_u64("writer", (size_t)arg), log_i64("n", i));
	return NULL;
}

Test(logger, lines_of_many_threads_stay_whole_and_each_threads_in_order) {
	pthread_t threads[WRITERS];
	int next[WRITERS] = {0};
	configure(LOG_INFO, LOG_FORMAT_TEXT);
	capture_begin();
	capture_read();
	cr_assert_eq(logger_start(), 0);
	for (size_t i = 0; i < WRITERS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, write_lines, (void *)i), 0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	logger_stop();
	char *rest = (char *)capture_end(), *line;
	while ((line = strsep(&rest, "\n")) && *line) {
		unsigned writer;
		int n, end = 0;
		cr_assert_eq(sscanf(said(line), "msg=line writer=%u n=%d%n", &writer, &n, &end), 2, "%s", line);
		cr_assert_eq(said(line)[end], '\0');
		cr_assert_lt(writer, WRITERS);
		cr_assert_eq(n, next[writer]++);
	}
	for (int i = 0; i < WRITERS; i++)
		cr_assert_eq(next[i], LINES);
	capture_free();
}

/* Sums what the lines of the kind tell and counts the others. */
static void count_lines(char *text, long *lines, long *lost) {
	char *line;
	*lines = *lost = 0;
	while ((line = strsep(&text, "\n")) && *line) {
		const char *told = strstr(line, "lines were lost");
		long n = 0;
		if (told) {
			cr_assert_eq(sscanf(strstr(told, "lines="), "lines=%ld", &n), 1, "%s", line);
			*lost += n;
		} else {
			++*lines;
		}
	}
}

Test(logger, a_stalled_reader_stalls_nobody_and_what_it_costs_is_told) {
	enum { MANY = 12000 };
	static char value[500];
	long lines, lost;
	memset(value, 'v', sizeof value - 1);
	configure(LOG_INFO, LOG_FORMAT_TEXT);
	capture_begin();
	cr_assert_eq(logger_start(), 0);
	for (int i = 0; i < MANY; i++) /* 6 MB: more than the queue and the pipe hold */
		log_info("a", log_str("value", value));
	cr_assert_gt(metric_value(M_LOG_DROPPED), 0);
	capture_read();
	logger_stop();
	count_lines((char *)capture_end(), &lines, &lost);
	cr_assert_gt(lost, 0);
	cr_assert_eq(lost, metric_value(M_LOG_DROPPED));
	cr_assert_eq(lines + lost, MANY);
	capture_free();
}

Test(logger, stopping_gives_up_on_a_reader_that_takes_nothing) {
	static char value[900];
	memset(value, 'v', sizeof value - 1);
	configure(LOG_INFO, LOG_FORMAT_TEXT);
	capture_begin();
	cr_assert_eq(logger_start(), 0);
	for (int i = 0; i < 1000; i++)
		log_info("a", log_str("value", value));
	logger_stop(); /* returns */
	capture_close();
	close(capture.read_end);
	capture_free();
}

Test(logger, a_reader_that_is_gone_ends_nothing) {
	configure(LOG_INFO, LOG_FORMAT_TEXT);
	capture_begin();
	close(capture.read_end);
	cr_assert_eq(logger_start(), 0);
	for (int i = 0; i < 100; i++)
		log_info("a", log_i64("n", i));
	logger_stop();
	capture_close();
	capture_free();
}

Test(logger, may_be_started_again) {
	configure(LOG_INFO, LOG_FORMAT_TEXT);
	capture_begin();
	capture_read();
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(logger_start(), 0);
		log_info("a", log_i64("n", i));
		logger_stop();
		logger_stop();
	}
	log_info("direct", log_i64("n", 2));
	const char *text = capture_end();
	cr_assert(strstr(text, "msg=a n=0\n"));
	cr_assert(strstr(text, "msg=a n=1\n"));
	cr_assert(strstr(text, "msg=direct n=2\n"));
	capture_free();
}

Test(logger, what_peers_cause_is_bounded_and_what_is_left_out_is_told) {
	enum { STRANGERS = 1000 };
	configure(LOG_INFO, LOG_FORMAT_TEXT);
	capture_begin();
	capture_read();
	for (int i = 0; i < STRANGERS; i++)
		log_peer_warn("a stranger", log_i64("i", i));
	log_peer_warn("another kind", log_i64("i", 1));
	uint64_t left_out = metric_value(M_LOG_LEFT_OUT);
	usleep(1100000); /* into another second: the allowance is by the clock */
	log_peer_warn("a stranger", log_i64("i", STRANGERS));
	const char *text = capture_end();
	uint64_t lines = 0;
	for (const char *at = text; (at = strstr(at, "msg=\"a stranger\"")); at++)
		lines++;
	cr_assert_eq(lines + left_out, STRANGERS + 1);
	cr_assert_leq(lines, 3 * LOGGER_PEER_LINES + 1, "%lu lines", lines); /* the loop may meet a new second */
	cr_assert(strstr(text, "another kind"));
	cr_assert(strstr(text, "like=\"a stranger\" count="));
	capture_free();
}
