/*
 * cpu.h: the time that processes have spent on processors, to the nanosecond, from the kernel's scheduler.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* User and system time of all threads alive; 0 when there is no such process. */
uint64_t cpu_ns(pid_t pid);
