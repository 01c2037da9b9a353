/* An update's handle is no manager, and a manager's no update. Takes a machine with a source. */
#include "check.h"

int main(void) {
    MPHANDLE manager = open_manager();
    MPHANDLE update = NULL;
    HRESULT code = MpUpdateStart(manager, MPUPDATE_OPTION_NONE, NULL, &update);
    CHECK(code == S_OK || code == S_FALSE);
    CHECK(update != NULL && update != manager);

    LPWSTR text = NULL;
    MPVERSION_INFO versions;
    MPSTATUS_INFO status;
    MPHANDLE other = NULL;
    CHECK_HR(MpErrorMessageFormat(update, S_OK, &text), E_WIN_INVALID_HANDLE);
    CHECK_HR(MpManagerVersionQuery(update, &versions), E_WIN_INVALID_HANDLE);
    CHECK_HR(MpManagerStatusQuery(update, &status), E_WIN_INVALID_HANDLE);
    CHECK_HR(MpManagerStatusQueryEx(update, MP_STATUS_QUERY_FLAGS_NONE, &status), E_WIN_INVALID_HANDLE);
    CHECK_HR(MpUpdateStart(update, MPUPDATE_OPTION_NONE, NULL, &other), E_WIN_INVALID_HANDLE);
    CHECK_HR(MpUpdateControl(manager, MPCONTROL_ABORT), E_WIN_INVALID_HANDLE);

    /* In any order: the manager goes first. */
    CHECK_HR(MpHandleClose(manager), S_OK);
    CHECK_HR(MpHandleClose(update), S_OK);
    CHECK_HR(MpHandleClose(update), E_WIN_INVALID_HANDLE);
    CHECK_HR(MpUpdateControl(update, MPCONTROL_ABORT), E_WIN_INVALID_HANDLE);
    return 0;
}
