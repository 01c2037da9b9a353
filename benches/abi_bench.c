/* What the C ABI costs, beside the limits that are set for it. Prints one line for each figure:
 * name, figure, limit, unit. Needs an environment in which updates work (benches/run abi makes one). */
#include <MpClient.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PAIRS = 10000, UPDATES = 200 };

static void expect(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "failed: %s\n", what);
        exit(1);
    }
}

static double seconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void open_and_close(void) {
    MPHANDLE manager = NULL;
    expect(MpManagerOpen(0, &manager) == S_OK && MpHandleClose(manager) == S_OK, "open and close");
}

typedef struct {
    int delivered;
    int since;
    double first;
    double spent;
} counted_t;

/* Holds the first call until the others wait in line, and sums up what the thread then spends on
 * delivering them: between two calls there is only the library. */
static HRESULT WINAPI count(PVOID context, PMPCALLBACK_DATA data) {
    counted_t *counted = (counted_t *)context;
    if (data->Notify == MPNOTIFY_SIGUPDATE_START) {
        usleep(5000);
        counted->since = -1;
        return S_OK;
    }
    if (++counted->since == 0) {
        counted->first = seconds(CLOCK_THREAD_CPUTIME_ID);
    }
    if (data->Notify == MPNOTIFY_SIGUPDATE_COMPLETE) {
        double now = seconds(CLOCK_THREAD_CPUTIME_ID);
        /* What the clock itself takes, which is a call of the system. */
        double clock = seconds(CLOCK_THREAD_CPUTIME_ID) - now;
        counted->spent += now - counted->first - clock;
        counted->delivered += counted->since;
    }
    return S_OK;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void) {
    open_and_close();
    size_t before = mallinfo2().uordblks;
    double started = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < PAIRS; i++) {
        open_and_close();
    }
    double took = seconds(CLOCK_MONOTONIC) - started;
    size_t kept = mallinfo2().uordblks - before;
    printf("pair of open and close\t%.3f\t-\tus\n", took / PAIRS * 1e6);
    printf("memory kept after %d pairs\t%zu\t0\tB\n", PAIRS, kept);

    MPHANDLE manager = NULL, update = NULL;
    expect(MpManagerOpen(0, &manager) == S_OK, "open");
    HRESULT result = MpUpdateStart(manager, MPUPDATE_OPTION_NONE, NULL, &update);
    expect(SUCCEEDED(result), "the first update");
    MpHandleClose(update);

    static double starts[UPDATES];
    counted_t counted = {0, 0, 0, 0};
    MPCALLBACK_INFO info = {count, &counted};
    for (int i = 0; i < UPDATES; i++) {
        double from = seconds(CLOCK_MONOTONIC);
        result = MpUpdateStart(manager, MPUPDATE_OPTION_ASYNC | MPUPDATE_OPTION_PROGRESS, &info, &update);
        starts[i] = (seconds(CLOCK_MONOTONIC) - from) * 1e3;
        expect(result == S_OK, "an asynchronous start");
        /* A synchronous one is refused until this one is over. */
        MPHANDLE next = NULL;
        for (int tries = 0; tries < 1000 && MpUpdateStart(manager, MPUPDATE_OPTION_NONE, NULL, &next) < 0; tries++) {
            usleep(1000);
        }
        expect(next != NULL, "the update's end");
        MpHandleClose(next);
        MpHandleClose(update);
    }
    qsort(starts, UPDATES, sizeof *starts, ascending);
    printf("asynchronous start, median of %d\t%.3f\t5\tms\n", UPDATES, starts[UPDATES / 2]);
    printf("asynchronous start, slowest in a hundred\t%.3f\t5\tms\n", starts[UPDATES * 99 / 100]);
    printf("thousand callbacks, processor time\t%.3f\t1\tms\n", counted.spent / counted.delivered * 1000 * 1e3);
    MpHandleClose(manager);
    return 0;
}
