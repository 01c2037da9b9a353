/*
 * update.c: updates the definitions, in C.
 *
 *   update                          wait until it has ended
 *   update --async                  start it, be told of its end, do other things meanwhile
 *   update --progress               say how far it is
 *   update --cancel-after SECONDS   start it, and cancel it if it takes longer
 *
 * Returns 0 when the definitions are current, 1 when the update has failed or was cancelled, 64 for
 * arguments that it does not know.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "MpClient.h"

/*
 * What the program and its callback share. The callback runs on a thread of the library, so the fields
 * are behind a lock. It must live until MpHandleClose has returned for the update: until then a callback
 * may come.
 */
struct outcome {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int complete;
    HRESULT code;
};

/* Prints UTF-16 as UTF-8. */
static void print_text(const WCHAR *text) {
    while (*text) {
        uint32_t c = *text++;
        if (c >= 0xD800 && c < 0xDC00 && *text) {
            c = 0x10000 + ((c - 0xD800) << 10) + (*text++ - 0xDC00u);
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

static void print_step(const char *step, const MPSIGUPDATE_DATA *update) {
    printf("%s %u %% ", step, (unsigned)update->dwPercentComplete);
    print_text(update->Path); /* empty, never NULL, before there is a source */
    putchar('\n');
}

/*
 * Is called for each step. `data` and everything that it points to is the library's and is gone when this
 * returns: what is needed later has to be copied. Only one call comes at a time.
 */
static HRESULT WINAPI tell(PVOID context, PMPCALLBACK_DATA data) {
    struct outcome *outcome = context;
    if (data->Type != MPCALLBACK_SIGUPDATE) {
        return S_OK; /* the pointer that is good depends on the type */
    }
    switch (data->Notify) {
    case MPNOTIFY_SIGUPDATE_SEARCH_START:
        print_step("searching", data->Data.pSigUpdateData);
        break;
    case MPNOTIFY_SIGUPDATE_DOWNLOAD_PROGRESS:
        print_step("downloading", data->Data.pSigUpdateData);
        break;
    case MPNOTIFY_SIGUPDATE_INSTALL_PROGRESS:
        print_step("installing", data->Data.pSigUpdateData);
        break;
    case MPNOTIFY_SIGUPDATE_COMPLETE: /* the last one */
        pthread_mutex_lock(&outcome->lock);
        outcome->complete = 1;
        outcome->code = data->hResult;
        pthread_cond_signal(&outcome->changed);
        pthread_mutex_unlock(&outcome->lock);
        break;
    default:
        break;
    }
    return S_OK; /* nobody looks at it */
}

/* Waits for the last callback, and cancels the update after so many seconds; -1: never. */
static HRESULT wait_for(struct outcome *outcome, MPHANDLE update, long seconds) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += seconds < 0 ? 0 : seconds;
    int cancelled = seconds < 0;
    pthread_mutex_lock(&outcome->lock);
    while (!outcome->complete) {
        if (cancelled) {
            pthread_cond_wait(&outcome->changed, &outcome->lock);
        } else if (pthread_cond_timedwait(&outcome->changed, &outcome->lock, &until) != 0) {
            /* It returns at once; that the update has ended is told as always. One that has ended just
             * now gives ERROR_MP_ALREADY_SHUTDOWN, and its result stands. */
            MpUpdateControl(update, MPCONTROL_ABORT);
            cancelled = 1;
        }
    }
    HRESULT code = outcome->code;
    pthread_mutex_unlock(&outcome->lock);
    return code;
}

/* Says how it went: in one word, or in the library's own sentence for the code. */
static int report(MPHANDLE manager, HRESULT code) {
    if (SUCCEEDED(code)) {
        puts(code == S_FALSE ? "nothing was needed" : "updated");
        return 0;
    }
    LPWSTR text = NULL;
    printf("failed: 0x%08X ", (unsigned)code);
    if (SUCCEEDED(MpErrorMessageFormat(manager, code, &text))) {
        print_text(text);
        MpFreeMemory(text); /* the text is ours */
    }
    putchar('\n');
    return 1;
}

static int usage(const char *program) {
    fprintf(stderr, "usage: %s [--async] [--progress] [--cancel-after SECONDS]\n", program);
    return 64;
}

int main(int argc, char **argv) {
    DWORD options = MPUPDATE_OPTION_NONE;
    long cancel_after = -1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--async") == 0) {
            options |= MPUPDATE_OPTION_ASYNC;
        } else if (strcmp(argv[i], "--progress") == 0) {
            options |= MPUPDATE_OPTION_PROGRESS;
        } else if (strcmp(argv[i], "--cancel-after") == 0 && i + 1 < argc) {
            options |= MPUPDATE_OPTION_ASYNC; /* only these can be cancelled */
            cancel_after = strtol(argv[++i], NULL, 10);
        } else {
            return usage(argv[0]);
        }
    }

    struct outcome outcome = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, S_OK};
    MPCALLBACK_INFO callback = {tell, &outcome}; /* copied; may be gone as soon as the start returns */
    MPHANDLE manager = NULL, update = NULL;
    HRESULT code = MpManagerOpen(0, &manager);
    if (FAILED(code)) {
        fprintf(stderr, "MpManagerOpen: 0x%08X\n", (unsigned)code);
        return 1;
    }
    code = MpUpdateStart(manager, options, &callback, &update);
    /* A start that fails gives no handle and makes no callback. One that succeeds has ended if it is
     * synchronous, and goes on if it is not. */
    if (SUCCEEDED(code) && options & MPUPDATE_OPTION_ASYNC) {
        code = wait_for(&outcome, update, cancel_after);
    }
    int exit_code = report(manager, code);
    if (update != NULL) {
        MpHandleClose(update); /* from here on no callback comes */
    }
    MpHandleClose(manager);
    return exit_code;
}
