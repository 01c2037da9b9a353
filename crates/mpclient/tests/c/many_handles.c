/* A thousand handles at a time, opened, used and closed in another order by eight threads. */
#include <pthread.h>

#include "check.h"

#define HANDLES 1000
#define THREADS 8

static void *open_use_and_close(void *argument) {
    unsigned step = *(unsigned *)argument;
    static const int rounds = 3;
    for (int round = 0; round < rounds; round++) {
        MPHANDLE handles[HANDLES];
        for (int i = 0; i < HANDLES; i++) {
            handles[i] = open_manager();
        }
        for (int i = 0; i < HANDLES; i++) {
            LPWSTR text = NULL;
            CHECK_HR(MpErrorMessageFormat(handles[i], S_OK, &text), S_OK);
            CHECK(text != NULL && text[0] != 0);
            MpFreeMemory(text);
        }
        /* A step that has no factor in common with the number of handles meets each of them once. */
        for (unsigned i = 0, at = 0; i < HANDLES; i++, at = (at + step) % HANDLES) {
            CHECK_HR(MpHandleClose(handles[at]), S_OK);
        }
        for (int i = 0; i < HANDLES; i++) {
            CHECK_HR(MpHandleClose(handles[i]), E_WIN_INVALID_HANDLE);
        }
    }
    return NULL;
}

int main(void) {
    static unsigned steps[THREADS] = {1, 3, 7, 999, 501, 333, 17, 489};
    pthread_t threads[THREADS];
    watch_for_a_hang(240);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, open_use_and_close, &steps[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    check_no_other_threads();
    return 0;
}
