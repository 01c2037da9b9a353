/* Forks while other threads use the library: every child can use what it inherited and open its own. */
#include <pthread.h>
#include <sys/wait.h>

#include "check.h"

#define THREADS 4
#define FORKS 200

static volatile int over;

static void *open_and_close(void *nothing) {
    while (!over) {
        MPHANDLE manager = open_manager();
        CHECK_HR(MpHandleClose(manager), S_OK);
    }
    return nothing;
}

static void use(MPHANDLE manager) {
    LPWSTR text = NULL;
    CHECK_HR(MpErrorMessageFormat(manager, E_POINTER, &text), S_OK);
    MpFreeMemory(text);
}

static void be_a_child(MPHANDLE inherited) {
    watch_for_a_hang(60);
    use(inherited);
    MPHANDLE own = open_manager();
    CHECK(own != inherited);
    use(own);
    MPVERSION_INFO versions;
    CHECK_HR(MpManagerVersionQuery(inherited, &versions), S_OK);
    CHECK_HR(MpHandleClose(inherited), S_OK);
    CHECK_HR(MpHandleClose(inherited), E_WIN_INVALID_HANDLE);
    use(own);
    CHECK_HR(MpHandleClose(own), S_OK);
}

static void wait_for(pid_t child) {
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void) {
    pthread_t threads[THREADS];
    MPHANDLE manager = open_manager();
    watch_for_a_hang(240);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, open_and_close, NULL) == 0);
    }
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            be_a_child(manager);
            /* A grandchild, too, and no handlers of the parent's at its end. */
            pid_t grandchild = fork();
            CHECK(grandchild >= 0);
            if (grandchild == 0) {
                use(open_manager());
                _exit(0);
            }
            wait_for(grandchild);
            _exit(0);
        }
        wait_for(child);
        use(manager);
    }
    over = 1;
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK_HR(MpHandleClose(manager), S_OK);
    return 0;
}
