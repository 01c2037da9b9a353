/* Null pointers that must not be null, and arguments that cannot be. */
#include "check.h"

int main(void) {
    MPHANDLE manager = open_manager();

    CHECK_HR(MpManagerOpen(0, NULL), E_POINTER);
    CHECK_HR(MpManagerOpen(1, NULL), E_POINTER);
    MPHANDLE handle = manager;
    CHECK_HR(MpManagerOpen(1, &handle), E_INVALIDARG);
    CHECK(handle == NULL);
    CHECK_HR(MpManagerOpen(0xFFFFFFFFu, &handle), E_INVALIDARG);

    CHECK_HR(MpErrorMessageFormat(manager, S_OK, NULL), E_POINTER);
    CHECK_HR(MpManagerVersionQuery(manager, NULL), E_POINTER);
    CHECK_HR(MpManagerStatusQuery(manager, NULL), E_POINTER);
    CHECK_HR(MpManagerStatusQueryEx(manager, MP_STATUS_QUERY_FLAGS_NONE, NULL), E_POINTER);

    MPSTATUS_INFO status;
    CHECK_HR(MpManagerStatusQueryEx(manager, MP_STATUS_QUERY_FLAG_NOSTATE, &status), S_OK);
    CHECK_HR(MpManagerStatusQueryEx(manager, 2, &status), E_INVALIDARG);
    CHECK_HR(MpManagerStatusQueryEx(manager, 0x80000000u, &status), E_INVALIDARG);

    CHECK_HR(MpUpdateStart(manager, MPUPDATE_OPTION_NONE, NULL, NULL), E_POINTER);
    handle = manager;
    CHECK_HR(MpUpdateStart(manager, 0x80000000u, NULL, &handle), E_INVALIDARG);
    CHECK(handle == NULL);
    /* A manager is no update. */
    CHECK_HR(MpUpdateControl(manager, MPCONTROL_ABORT), E_WIN_INVALID_HANDLE);

    MpFreeMemory(NULL);
    CHECK_HR(MpHandleClose(manager), S_OK);
    return 0;
}
