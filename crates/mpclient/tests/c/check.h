/*
 * check.h: what the C programs of these tests share. They are compiled as C11 and as C++17.
 *
 * A check that fails says where and ends the program with 1; a program that ends well returns 0.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "MpClient.h"

/* Fails unless the condition holds. */
#define CHECK(condition) check_that(!!(condition), #condition, __FILE__, __LINE__)

/* Fails unless a call gives this code. */
#define CHECK_HR(call, expected) check_code((call), (expected), #call, __FILE__, __LINE__)

static inline void check_that(int holds, const char *what, const char *file, int line) {
    if (!holds) {
        fprintf(stderr, "%s:%d: %s\n", file, line, what);
        exit(1);
    }
}

static inline void check_code(HRESULT got, HRESULT expected, const char *what, const char *file, int line) {
    if (got != expected) {
        fprintf(stderr, "%s:%d: %s gave 0x%08X instead of 0x%08X\n", file, line, what, (unsigned)got,
                (unsigned)expected);
        exit(1);
    }
}

/* Ends the program after so many seconds: a deadlock becomes a failure. */
static inline void watch_for_a_hang(unsigned seconds) { alarm(seconds); }

/* A manager. */
static inline MPHANDLE open_manager(void) {
    MPHANDLE manager = NULL;
    CHECK_HR(MpManagerOpen(0, &manager), S_OK);
    CHECK(manager != NULL);
    return manager;
}

/* A number as a handle. */
static inline MPHANDLE handle_of(uint64_t number) { return (MPHANDLE)(uintptr_t)number; }

/* Prints a text as UTF-8. */
static inline void print_text(const WCHAR *text) {
    while (*text) {
        uint32_t c = (uint32_t)*text++;
        if (c >= 0xD800 && c < 0xDC00 && *text) {
            c = 0x10000 + ((c - 0xD800) << 10) + ((uint32_t)*text++ - 0xDC00);
        }
        if (c < 0x80) {
            putchar((int)c);
        } else if (c < 0x800) {
            printf("%c%c", (int)(0xC0 | c >> 6), (int)(0x80 | (c & 0x3F)));
        } else if (c < 0x10000) {
            printf("%c%c%c", (int)(0xE0 | c >> 12), (int)(0x80 | (c >> 6 & 0x3F)), (int)(0x80 | (c & 0x3F)));
        } else {
            printf("%c%c%c%c", (int)(0xF0 | c >> 18), (int)(0x80 | (c >> 12 & 0x3F)),
                   (int)(0x80 | (c >> 6 & 0x3F)), (int)(0x80 | (c & 0x3F)));
        }
    }
}

/* Threads of a tool that watches the program, such as ThreadSanitizer's. */
#ifndef WATCHER_THREADS
#define WATCHER_THREADS 0
#endif

/* How many threads this process has, without a watcher's. */
static inline int count_threads(void) {
    char line[256];
    int threads = 0;
    FILE *status = fopen("/proc/self/status", "r");
    CHECK(status != NULL);
    while (fgets(line, sizeof line, status)) {
        if (sscanf(line, "Threads: %d", &threads) == 1) {
            break;
        }
    }
    fclose(status);
    return threads - WATCHER_THREADS;
}

/* Fails unless this process comes to have one thread alone. A thread that has been joined may be counted
 * for a moment more. */
static inline void check_no_other_threads(void) {
    for (int i = 0; i < 1000 && count_threads() != 1; i++) {
        usleep(1000);
    }
    CHECK(count_threads() == 1);
}

#endif /* CHECK_H */
