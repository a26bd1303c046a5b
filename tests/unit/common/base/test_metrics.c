#include "common/base/metrics.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 50000 };

static void *count(void *arg) {
	metrics_thread((unsigned)(size_t)arg);
	for (int i = 0; i < ROUNDS; i++) {
		metric_inc(M_ACCEPTED);
		metric_add(M_SOCKET_SENT, 3);
	}
	return NULL;
}

Test(metrics, a_value_is_the_sum_of_all_threads) {
	pthread_t threads[THREADS];
	metric_inc(M_ACCEPTED);
	for (size_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, count, (void *)(METRIC_THREADS - 1 - i)), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	cr_assert_eq(metric_value(M_ACCEPTED), THREADS * ROUNDS + 1);
	cr_assert_eq(metric_value(M_SOCKET_SENT), 3 * THREADS * ROUNDS);
	cr_assert_eq(metric_value(M_STREAMS), 0);
}

static void *drop_one(void *arg) {
	metrics_thread(5);
	metric_dec(M_STREAMS);
	return arg;
}

Test(metrics, a_gauge_may_fall_on_another_thread) {
	pthread_t thread;
	metric_add(M_STREAMS, 2);
	cr_assert_eq(pthread_create(&thread, NULL, drop_one, NULL), 0);
	pthread_join(thread, NULL);
	cr_assert_eq(metric_value(M_STREAMS), 1);
}

static struct buffer page;

static const char *print(void) {
	buffer_init(&page, 0);
	metrics_print(&page);
	buffer_u8(&page, 0);
	cr_assert_eq(buffer_error(&page), 0);
	return (const char *)page.block->data;
}

static int occurrences(const char *text, const char *what) {
	int n = 0;
	for (const char *at = text; (at = strstr(at, what)); at++)
		n++;
	return n;
}

Test(metrics, print_as_prometheus_reads_them) {
	metric_add(M_CONNECTIONS_HTTP, 7);
	metric_add(M_FRAMES_IN, 5000000000);
	const char *text = print();
	cr_assert(strstr(text, "# TYPE weir_frames_received_total counter\nweir_frames_received_total 5000000000\n"));
	cr_assert(strstr(text, "\nweir_connections{protocol=\"http\"} 7\n"));
	cr_assert(strstr(text, "\nweir_connections{protocol=\"rtmp\"} 0\n"));
	cr_assert_eq(occurrences(text, "# TYPE weir_connections gauge\n"), 1);
	cr_assert_eq(text[strlen(text) - 1], '\n');
	buffer_fini(&page);
}

/* Prometheus refuses the whole page if a series or a family stands in it twice. */
Test(metrics, every_series_and_family_stands_once) {
	char *text = strdup(print()), *rest = text, *line;
	while ((line = strsep(&rest, "\n")) && *line) {
		char key[300];
		size_t n = strncmp(line, "# ", 2) == 0 ? 7 + strcspn(line + 7, " ") : strcspn(line, " ");
		snprintf(key, sizeof key, "\n%.*s ", (int)n, line);
		cr_assert_leq(occurrences((const char *)page.block->data, key), 1, "%s", key);
	}
	free(text);
	buffer_fini(&page);
}

static void *be_busy(void *arg) {
	metrics_thread(METRIC_FIRST_WORKER + 3);
	metric_set_share(M_WORKER_BUSY, 0.25);
	return arg;
}

Test(metrics, a_share_is_each_workers_own) {
	pthread_t thread;
	cr_assert_eq(pthread_create(&thread, NULL, be_busy, NULL), 0);
	pthread_join(thread, NULL);
	cr_assert_float_eq(metric_share(M_WORKER_BUSY, 3), 0.25, 1e-6);
	cr_assert_eq(metric_share(M_WORKER_BUSY, 2), 0);
	const char *text = print();
	cr_assert(strstr(text, "# TYPE weir_worker_busy_ratio gauge\nweir_worker_busy_ratio{worker=\"3\"} 0.250000\n# "));
	buffer_fini(&page);
}

static void *count_as_a_worker(void *arg) {
	metrics_thread(METRIC_FIRST_WORKER + 3);
	metric_add(M_WORKER_SENT, 70);
	return arg;
}

Test(metrics, a_workers_counter_is_printed_with_its_index_once_it_has_counted) {
	pthread_t thread;
	cr_assert_null(strstr(print(), "weir_worker_sent_bytes_total{"));
	buffer_fini(&page);
	pthread_create(&thread, NULL, count_as_a_worker, NULL);
	pthread_join(thread, NULL);
	const char *text = print();
	cr_assert_eq(occurrences(text, "weir_worker_sent_bytes_total{"), 1);
	cr_assert_not_null(strstr(text, "\nweir_worker_sent_bytes_total{worker=\"3\"} 70\n"));
	cr_assert_not_null(strstr(text, "# TYPE weir_worker_sent_bytes_total counter\n"));
	buffer_fini(&page);
}
