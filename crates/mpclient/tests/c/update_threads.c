/* Eight threads start updates at the same time, each with a manager of its own: each is run or refused
 * with the documented code, and every one that was run ends once. */
#include "recorder.h"

static int refused;
static int run;
static pthread_mutex_t counts = PTHREAD_MUTEX_INITIALIZER;

static void *start_updates(void *unused) {
    (void)unused;
    for (int i = 0; i < 6; i++) {
        MPHANDLE manager = open_manager();
        recorder_t recorder;
        recorder_init(&recorder, manager);
        MPCALLBACK_INFO info = {record, &recorder};
        DWORD options = i % 2 ? MPUPDATE_OPTION_ASYNC : MPUPDATE_OPTION_PROGRESS;
        HRESULT result = MpUpdateStart(manager, options, &info, &recorder.update);
        CHECK(result == S_OK || result == S_FALSE || result == HRESULT_FROM_WIN32(ERROR_INSTALL_ALREADY_RUNNING));
        if (SUCCEEDED(result)) {
            wait_for_the_end(&recorder);
            CHECK(recorder.complete);
            CHECK_HR(MpHandleClose(recorder.update), S_OK);
        } else {
            CHECK(recorder.calls == 0);
        }
        CHECK_HR(MpHandleClose(manager), S_OK);
        CHECK(pthread_mutex_lock(&counts) == 0);
        *(SUCCEEDED(result) ? &run : &refused) += 1;
        CHECK(pthread_mutex_unlock(&counts) == 0);
    }
    return NULL;
}

int main(void) {
    watch_for_a_hang(120);
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) {
        CHECK(pthread_create(&threads[i], NULL, start_updates, NULL) == 0);
    }
    for (int i = 0; i < 8; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(run > 0 && run + refused == 48);
    printf("run=%d\n", run);
    wait_to_be_alone();
    return 0;
}
