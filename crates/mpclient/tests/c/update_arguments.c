/* What MpUpdateStart refuses, it refuses before anything starts: no callback, no handle. */
#include "recorder.h"

static void refused(MPHANDLE manager, DWORD options, HRESULT expected) {
    recorder_t recorder;
    recorder_init(&recorder, manager);
    recorder.update = handle_of(1);
    MPCALLBACK_INFO info = {record, &recorder};
    CHECK_HR(MpUpdateStart(manager, options, &info, &recorder.update), expected);
    CHECK(recorder.update == NULL && recorder.calls == 0);
}

int main(void) {
    watch_for_a_hang(60);
    MPHANDLE manager = open_manager();
    for (DWORD options = 0; options < 0x100; options++) {
        DWORD sources = options & 0x3C;
        if ((sources & (sources - 1)) != 0 || options >= 0x40) {
            refused(manager, options, E_INVALIDARG);
        }
    }
    refused(manager, 0x80000000u, E_INVALIDARG);
    refused(NULL, MPUPDATE_OPTION_NONE, E_WIN_INVALID_HANDLE);
    refused(handle_of(4), MPUPDATE_OPTION_NONE, E_WIN_INVALID_HANDLE);
    CHECK_HR(MpUpdateStart(manager, MPUPDATE_OPTION_NONE, NULL, NULL), E_POINTER);
    /* Only a folder is configured. */
    refused(manager, MPUPDATE_OPTION_HTTP, WU_E_UNKNOWN_SERVICE);
    refused(manager, MPUPDATE_OPTION_MANAGED | MPUPDATE_OPTION_ASYNC, WU_E_UNKNOWN_SERVICE);
    refused(manager, MPUPDATE_OPTION_UNMANAGED, WU_E_UNKNOWN_SERVICE);

    /* Nobody to call, in both ways. */
    MPHANDLE update = NULL;
    MPCALLBACK_INFO nobody = {NULL, &update};
    CHECK_HR(MpUpdateStart(manager, MPUPDATE_OPTION_PROGRESS, &nobody, &update), S_OK);
    /* An update is no manager. */
    refused(update, MPUPDATE_OPTION_NONE, E_WIN_INVALID_HANDLE);
    CHECK_HR(MpHandleClose(update), S_OK);
    CHECK_HR(MpUpdateStart(manager, MPUPDATE_OPTION_NONE, NULL, &update), S_FALSE);
    CHECK_HR(MpHandleClose(manager), S_OK);
    CHECK_HR(MpHandleClose(update), S_OK);
    wait_to_be_alone();
    return 0;
}
