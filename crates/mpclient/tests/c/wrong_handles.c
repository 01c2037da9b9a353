/* Whatever is no handle is refused by every function, and what they would have given is null or zero. */
#include "check.h"

static MPHANDLE manager;

static int all_zero(const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (((const BYTE *)bytes)[i] != 0) {
            return 0;
        }
    }
    return 1;
}

static void is_refused(MPHANDLE wrong) {
    LPWSTR text = (LPWSTR)(void *)&manager;
    CHECK_HR(MpErrorMessageFormat(wrong, S_OK, &text), E_WIN_INVALID_HANDLE);
    CHECK(text == NULL);

    MPVERSION_INFO versions;
    memset(&versions, 0xAA, sizeof versions);
    CHECK_HR(MpManagerVersionQuery(wrong, &versions), E_WIN_INVALID_HANDLE);
    CHECK(all_zero(&versions, sizeof versions));

    MPSTATUS_INFO status;
    memset(&status, 0xAA, sizeof status);
    CHECK_HR(MpManagerStatusQuery(wrong, &status), E_WIN_INVALID_HANDLE);
    CHECK(all_zero(&status, sizeof status));
    memset(&status, 0xAA, sizeof status);
    CHECK_HR(MpManagerStatusQueryEx(wrong, MP_STATUS_QUERY_FLAGS_NONE, &status), E_WIN_INVALID_HANDLE);
    CHECK(all_zero(&status, sizeof status));

    MPHANDLE update = manager;
    CHECK_HR(MpUpdateStart(wrong, MPUPDATE_OPTION_NONE, NULL, &update), E_WIN_INVALID_HANDLE);
    CHECK(update == NULL);
    CHECK_HR(MpUpdateControl(wrong, MPCONTROL_ABORT), E_WIN_INVALID_HANDLE);

    CHECK_HR(MpHandleClose(wrong), E_WIN_INVALID_HANDLE);
}

int main(void) {
    manager = open_manager();
    uint64_t number = (uint64_t)(uintptr_t)manager;

    is_refused(NULL);
    is_refused(handle_of(UINT64_MAX));
    is_refused(handle_of(1));
    is_refused(handle_of((uint32_t)number));
    is_refused(handle_of(number + 1));
    is_refused(handle_of(number - 1));
    is_refused(handle_of(~number));
    is_refused(handle_of(number ^ (uint64_t)1 << 63));

    /* Addresses of things that are there, and of things that are gone. */
    int on_the_stack = 0;
    is_refused(&on_the_stack);
    is_refused(&manager);
    void *on_the_heap = malloc(64);
    /* Volatile, so that no compiler sees that the number outlives what lay there. */
    volatile uint64_t address = (uint64_t)(uintptr_t)on_the_heap;
    is_refused(on_the_heap);
    free(on_the_heap);
    is_refused(handle_of(address));

    /* Numbers by a generator that gives the same ones each time, and each bit of a good one changed. */
    uint64_t state = 88172645463325252u;
    for (int i = 0; i < 2000; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if (state != number) {
            is_refused(handle_of(state));
        }
    }
    for (int bit = 0; bit < 64; bit++) {
        is_refused(handle_of(number ^ (uint64_t)1 << bit));
    }

    /* The good one has not suffered; closed, it is none any more. */
    LPWSTR text = NULL;
    CHECK_HR(MpErrorMessageFormat(manager, S_OK, &text), S_OK);
    MpFreeMemory(text);
    CHECK_HR(MpHandleClose(manager), S_OK);
    is_refused(manager);
    return 0;
}
