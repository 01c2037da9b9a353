/* Closes an update that has just started, and the manager too, and unloads the library, which the program
 * has loaded itself: the update goes on, and is not heard of any more. */
#include <dlfcn.h>
#include <pthread.h>
#include <time.h>

#include "check.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int calls;
static int calling;

static HRESULT WINAPI count(PVOID context, PMPCALLBACK_DATA data) {
    (void)data;
    CHECK(context == &calls);
    struct timespec moment = {0, 20 * 1000000};
    CHECK(pthread_mutex_lock(&lock) == 0);
    calling = 1;
    calls++;
    CHECK(pthread_mutex_unlock(&lock) == 0);
    nanosleep(&moment, NULL);
    CHECK(pthread_mutex_lock(&lock) == 0);
    calling = 0;
    CHECK(pthread_mutex_unlock(&lock) == 0);
    return S_OK;
}

static void find(void *library, const char *name, void *function) {
    void *found = dlsym(library, name);
    CHECK(found != NULL);
    memcpy(function, &found, sizeof found);
}

int main(void) {
    watch_for_a_hang(60);
    void *library = dlopen(getenv("MPCLIENT_LIBRARY"), RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    HRESULT(WINAPI * open_it)(DWORD, PMPHANDLE);
    HRESULT(WINAPI * close_it)(MPHANDLE);
    HRESULT(WINAPI * start)(MPHANDLE, DWORD, PMPCALLBACK_INFO, PMPHANDLE);
    find(library, "MpManagerOpen", &open_it);
    find(library, "MpHandleClose", &close_it);
    find(library, "MpUpdateStart", &start);

    MPHANDLE manager = NULL;
    MPHANDLE update = NULL;
    CHECK_HR(open_it(0, &manager), S_OK);
    MPCALLBACK_INFO info = {count, &calls};
    CHECK_HR(start(manager, MPUPDATE_OPTION_ASYNC | MPUPDATE_OPTION_PROGRESS, &info, &update), S_OK);
    CHECK_HR(close_it(manager), S_OK);
    CHECK_HR(close_it(update), S_OK);
    CHECK(pthread_mutex_lock(&lock) == 0);
    CHECK(!calling);
    int heard = calls;
    CHECK(pthread_mutex_unlock(&lock) == 0);
    CHECK(dlclose(library) == 0);
    struct timespec moment = {0, 10 * 1000000};
    while (count_threads() > 1) {
        nanosleep(&moment, NULL);
    }
    CHECK(calls == heard);
    return 0;
}
