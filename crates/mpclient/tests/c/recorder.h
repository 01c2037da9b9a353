/* A callback that writes down what it is told, holds it against the rules of the API, and does something
 * of its own on order. */
#ifndef RECORDER_H
#define RECORDER_H

#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

/* What the callback does, at its first call with a given notification. */
typedef enum { DO_NOTHING, DO_ABORT, DO_CLOSE, DO_START, DO_FORMAT, DO_CLOSE_MANAGER, DO_DAWDLE } action_t;

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    MPHANDLE manager;
    /* Written by MpUpdateStart before the first call. */
    MPHANDLE update;
    pthread_t starter;
    DWORD at;
    action_t action;
    int in_callback;
    int calls;
    int complete;
    int closed;
} recorder_t;

static inline action_t action_of(const char *name) {
    static const char *const names[] = {"nothing", "abort", "close", "start", "format", "close-manager", "dawdle"};
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return (action_t)i;
        }
    }
    CHECK(!"a known action");
    return DO_NOTHING;
}

static inline void recorder_init(recorder_t *recorder, MPHANDLE manager) {
    memset(recorder, 0, sizeof *recorder);
    CHECK(pthread_mutex_init(&recorder->lock, NULL) == 0);
    CHECK(pthread_cond_init(&recorder->changed, NULL) == 0);
    recorder->manager = manager;
    recorder->starter = pthread_self();
}

static inline void pause_ms(long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* The present as a FILETIME. */
static inline ULONGLONG filetime_now(void) {
    struct timespec now;
    CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return ((ULONGLONG)now.tv_sec + 11644473600u) * 10000000u + (ULONGLONG)now.tv_nsec / 100;
}

static inline void start_another(recorder_t *recorder) {
    static const DWORD options[] = {MPUPDATE_OPTION_NONE, MPUPDATE_OPTION_ASYNC};
    for (int i = 0; i < 2; i++) {
        MPHANDLE other = handle_of(1);
        HRESULT result = MpUpdateStart(recorder->manager, options[i], NULL, &other);
        printf("second=%08x\n", (unsigned)result);
        CHECK((other == NULL) == FAILED(result));
        if (other != NULL) {
            CHECK_HR(MpHandleClose(other), S_OK);
        }
    }
}

static inline void act(recorder_t *recorder) {
    LPWSTR text = NULL;
    switch (recorder->action) {
    case DO_ABORT:
        printf("abort=%08x\n", (unsigned)MpUpdateControl(recorder->update, MPCONTROL_ABORT));
        break;
    case DO_CLOSE:
        CHECK_HR(MpHandleClose(recorder->update), S_OK);
        recorder->closed = 1;
        break;
    case DO_START:
        start_another(recorder);
        break;
    case DO_FORMAT:
        CHECK_HR(MpErrorMessageFormat(recorder->manager, S_FALSE, &text), S_OK);
        MpFreeMemory(text);
        break;
    case DO_CLOSE_MANAGER:
        CHECK_HR(MpHandleClose(recorder->manager), S_OK);
        break;
    case DO_DAWDLE:
        pause_ms(300);
        break;
    case DO_NOTHING:
        break;
    }
}

static HRESULT WINAPI record(PVOID context, PMPCALLBACK_DATA data) {
    recorder_t *recorder = (recorder_t *)context;
    CHECK(pthread_mutex_lock(&recorder->lock) == 0);
    /* One at a time, on a thread of the library, none after the last and none after closing. */
    CHECK(!recorder->in_callback && !recorder->complete && !recorder->closed);
    CHECK(!pthread_equal(pthread_self(), recorder->starter));
    CHECK(recorder->update != NULL);
    recorder->in_callback = 1;
    CHECK(pthread_mutex_unlock(&recorder->lock) == 0);

    CHECK(data != NULL && data->Type == MPCALLBACK_SIGUPDATE);
    PMPSIGUPDATE_DATA update = data->Data.pSigUpdateData;
    CHECK(update != NULL && update->Path != NULL);
    ULONGLONG now = filetime_now();
    CHECK(data->TimeStamp.QuadPart <= now && now - data->TimeStamp.QuadPart < 600ull * 10000000u);
    printf("event=%x %08x %u %u %u %d %d ", (unsigned)data->Notify, (unsigned)data->hResult,
           (unsigned)update->dwPercentComplete, (unsigned)update->dwTotalUpdates,
           (unsigned)update->dwCurrentUpdateIndex, (int)update->eType, (int)update->Stage);
    print_text(update->Path);
    printf("\n");
    if ((DWORD)data->Notify == recorder->at) {
        recorder->at = 0;
        act(recorder);
    }

    CHECK(pthread_mutex_lock(&recorder->lock) == 0);
    recorder->in_callback = 0;
    recorder->calls++;
    recorder->complete = data->Notify == MPNOTIFY_SIGUPDATE_COMPLETE;
    CHECK(pthread_cond_broadcast(&recorder->changed) == 0);
    CHECK(pthread_mutex_unlock(&recorder->lock) == 0);
    /* What it returns means nothing. */
    return E_FAIL;
}

/* Waits until the last call has been made, or the callback has closed the update. */
static inline void wait_for_the_end(recorder_t *recorder) {
    CHECK(pthread_mutex_lock(&recorder->lock) == 0);
    while (!recorder->complete && !(recorder->closed && !recorder->in_callback)) {
        CHECK(pthread_cond_wait(&recorder->changed, &recorder->lock) == 0);
    }
    CHECK(pthread_mutex_unlock(&recorder->lock) == 0);
}

/* Waits until this thread is alone: the library has left none behind. Bounded by the watch for a hang. */
static inline void wait_to_be_alone(void) {
    while (count_threads() > 1) {
        pause_ms(10);
    }
}

#endif /* RECORDER_H */
