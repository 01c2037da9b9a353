/* Runs one update and prints what is told of it: update OPTIONS [ACTION NOTIFICATION], numbers in hex.
 * OPTIONS may be "nobody": an update without a callback. */
#include "recorder.h"

int main(int argc, char **argv) {
    watch_for_a_hang(120);
    CHECK(argc == 2 || argc == 4);
    DWORD options = (DWORD)strtoul(argv[1], NULL, 16);
    MPHANDLE manager = open_manager();
    recorder_t recorder;
    recorder_init(&recorder, manager);
    if (argc == 4) {
        recorder.action = action_of(argv[2]);
        recorder.at = (DWORD)strtoul(argv[3], NULL, 16);
    }
    MPCALLBACK_INFO info = {record, &recorder};
    HRESULT result = MpUpdateStart(manager, options, &info, &recorder.update);
    /* It has been copied. */
    memset(&info, 0, sizeof info);
    printf("result=%08x\n", (unsigned)result);
    CHECK(FAILED(result) == (recorder.update == NULL));
    if (SUCCEEDED(result)) {
        wait_for_the_end(&recorder);
        if (!recorder.closed) {
            if (options & MPUPDATE_OPTION_ASYNC) {
                /* The last callback has been heard; the update is over, or will be in a moment. */
                HRESULT late = MpUpdateControl(recorder.update, MPCONTROL_ABORT);
                if (late != S_OK) {
                    CHECK_HR(late, HRESULT_FROM_MP_STATUS(ERROR_MP_ALREADY_SHUTDOWN));
                }
            } else {
                CHECK_HR(MpUpdateControl(recorder.update, MPCONTROL_ABORT), E_INVALIDARG);
            }
            CHECK_HR(MpUpdateControl(recorder.update, MPCONTROL_PAUSE), E_INVALIDARG);
            CHECK_HR(MpUpdateControl(recorder.update, (MPCONTROL)77), E_INVALIDARG);
            CHECK_HR(MpUpdateControl(manager, MPCONTROL_ABORT), E_WIN_INVALID_HANDLE);
            CHECK_HR(MpHandleClose(recorder.update), S_OK);
        }
        CHECK_HR(MpUpdateControl(recorder.update, MPCONTROL_ABORT), E_WIN_INVALID_HANDLE);
        CHECK_HR(MpHandleClose(recorder.update), E_WIN_INVALID_HANDLE);
    } else {
        CHECK(recorder.calls == 0 || recorder.complete || recorder.closed);
    }
    printf("calls=%d\n", recorder.calls);
    CHECK_HR(MpHandleClose(manager), recorder.action == DO_CLOSE_MANAGER ? E_WIN_INVALID_HANDLE : S_OK);
    wait_to_be_alone();
    return 0;
}
