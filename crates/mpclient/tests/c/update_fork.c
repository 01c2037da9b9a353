/* Forks while an update runs: the child has the manager and not the update, and its end is not the
 * update's. */
#include "recorder.h"

int main(void) {
    watch_for_a_hang(120);
    MPHANDLE manager = open_manager();
    recorder_t recorder;
    recorder_init(&recorder, manager);
    MPCALLBACK_INFO info = {record, &recorder};
    CHECK_HR(MpUpdateStart(manager, MPUPDATE_OPTION_ASYNC, &info, &recorder.update), S_OK);
    fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        watch_for_a_hang(60);
        CHECK_HR(MpUpdateControl(recorder.update, MPCONTROL_ABORT), E_WIN_INVALID_HANDLE);
        CHECK_HR(MpHandleClose(recorder.update), S_OK);
        MPHANDLE own = NULL;
        /* The parent's update runs, or has ended by now. */
        HRESULT result = MpUpdateStart(manager, MPUPDATE_OPTION_NONE, NULL, &own);
        CHECK(result == HRESULT_FROM_WIN32(ERROR_INSTALL_ALREADY_RUNNING) || SUCCEEDED(result));
        CHECK_HR(MpHandleClose(manager), S_OK);
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    wait_for_the_end(&recorder);
    CHECK(recorder.complete);
    CHECK_HR(MpHandleClose(recorder.update), S_OK);
    CHECK_HR(MpHandleClose(manager), S_OK);
    wait_to_be_alone();
    return 0;
}
