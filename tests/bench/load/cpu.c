#include "tests/bench/load/cpu.h"

#include <dirent.h>
#include <stdio.h>

static uint64_t thread_ns(pid_t pid, const char *thread) {
	char path[320];
	unsigned long long ns = 0;
	snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, thread);
	FILE *f = fopen(path, "r");
	if (!f)
		return 0;
	if (fscanf(f, "%llu", &ns) != 1)
		ns = 0;
	fclose(f);
	return ns;
}

uint64_t cpu_ns(pid_t pid) {
	char path[64];
	uint64_t sum = 0;
	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	DIR *threads = opendir(path);
	if (!threads)
		return 0;
	for (struct dirent *e; (e = readdir(threads)) != NULL;)
		if (e->d_name[0] != '.')
			sum += thread_ns(pid, e->d_name);
	closedir(threads);
	return sum;
}
