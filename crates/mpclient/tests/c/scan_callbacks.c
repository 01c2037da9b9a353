/*
 * Callbacks that abort, close and start scans, and handles that are closed in any order.
 * argv: a folder of infected files.
 */
#include "told.h"

static MPHANDLE manager;
static Resources resources;

static HRESULT start(Told *told, DWORD options, void (*also)(Told *, PMPCALLBACK_DATA)) {
    MPCALLBACK_INFO callback = {listen, told};
    begin_to_listen(told);
    told->also = also;
    return MpScanStart(manager, MPSCAN_TYPE_RESOURCE, options, &resources.named, &callback, &told->scan);
}

static void abort_it(Told *told, PMPCALLBACK_DATA data) {
    if (data->Notify == MPNOTIFY_SCAN_START) {
        CHECK(told->scan != NULL);
        HRESULT code = MpScanControl(told->scan, MPCONTROL_ABORT);
        CHECK(code == S_OK || code == MP(ERROR_MP_ALREADY_SHUTDOWN));
        told->also_called = code == S_OK;
    }
    if (data->Notify == MPNOTIFY_SCAN_COMPLETE) {
        CHECK_HR(MpScanControl(told->scan, MPCONTROL_ABORT), MP(ERROR_MP_ALREADY_SHUTDOWN));
    }
}

static void a_callback_may_abort_its_scan(void) {
    static Told told;
    CHECK_HR(start(&told, MPSCAN_OPTION_ASYNC, abort_it), S_OK);
    HRESULT code = wait_for_the_end(&told);
    CHECK_HR(code, told.also_called ? MP(ERROR_MP_SCAN_ABORTED) : S_OK);
    CHECK_HR(MpHandleClose(told.scan), S_OK);
}

/* Closed at its first notification, a scan tells nothing more. */
static void close_it(Told *told, PMPCALLBACK_DATA data) {
    CHECK(data->Notify == MPNOTIFY_SCAN_START && told->also_called == 0);
    CHECK(told->scan != NULL);
    CHECK_HR(MpHandleClose(told->scan), S_OK);
    CHECK_HR(MpScanControl(told->scan, MPCONTROL_ABORT), E_WIN_INVALID_HANDLE);
    told->also_called = 1;
}

static void a_callback_may_close_its_scan(void) {
    static Told told;
    CHECK_HR(start(&told, MPSCAN_OPTION_ASYNC, close_it), S_OK);
    wait_until_told(&told, MPNOTIFY_SCAN_START, 1);
    while (MpHandleClose(told.scan) != E_WIN_INVALID_HANDLE) {
        CHECK(!"the callback had closed it");
    }
    static Told at_once;
    CHECK_HR(start(&at_once, MPSCAN_OPTION_NONE, close_it), S_OK);
    CHECK(at_once.count == 1 && at_once.also_called == 1);
    CHECK_HR(MpHandleClose(at_once.scan), E_WIN_INVALID_HANDLE);
}

/* Waits for scans that go on after their handles were closed. The watch bounds it. */
static void wait_for_the_forgotten(void) {
    while (count_threads() > 1) {
        usleep(1000);
    }
}

static Told inner;

static void start_another(Told *told, PMPCALLBACK_DATA data) {
    if (data->Notify == MPNOTIFY_SCAN_INFECTED && told->also_called++ == 0) {
        LPWSTR text = NULL;
        CHECK_HR(start(&inner, MPSCAN_OPTION_NONE, NULL), S_OK);
        CHECK(inner.over);
        CHECK_HR(MpHandleClose(inner.scan), S_OK);
        CHECK_HR(MpErrorMessageFormat(manager, S_OK, &text), S_OK);
        MpFreeMemory(text);
    }
}

static void a_callback_may_start_another_scan(void) {
    static Told told;
    CHECK_HR(start(&told, MPSCAN_OPTION_NONE, start_another), S_OK);
    CHECK(told.also_called > 0);
    CHECK(told.last.ThreatStats.ThreatCount == inner.last.ThreatStats.ThreatCount);
    CHECK_HR(MpHandleClose(told.scan), S_OK);
}

/* The threats that the callback is told of can be listed from it. */
static void list_them(Told *told, PMPCALLBACK_DATA data) {
    UINT listed = 0;
    PMPTHREAT_INFO threat = NULL;
    MPHANDLE list = NULL;
    CHECK_HR(MpThreatOpen(told->scan, MPTHREAT_SOURCE_SCAN, MPTHREAT_TYPE_KNOWNBAD, &list), S_OK);
    while (MpThreatEnumerate(list, &threat) == S_OK) {
        MpFreeMemory(threat);
        listed++;
    }
    CHECK(listed >= data->Data.pScanData->ThreatStats.ThreatCount);
    CHECK_HR(MpHandleClose(list), S_OK);
    told->also_called += listed > 0;
}

static void a_callback_may_list_what_is_found_so_far(void) {
    static Told told;
    CHECK_HR(start(&told, MPSCAN_OPTION_NONE, list_them), S_OK);
    CHECK(told.also_called >= times_told(&told, MPNOTIFY_SCAN_INFECTED));
    CHECK_HR(MpHandleClose(told.scan), S_OK);
}

static void close_in_an_order(const int order[3]) {
    static Told told;
    MPHANDLE handles[3] = {open_manager(), NULL, NULL};
    MPHANDLE kept = manager;
    manager = handles[0];
    CHECK_HR(start(&told, MPSCAN_OPTION_ASYNC | MPSCAN_OPTION_PROGRESS, NULL), S_OK);
    manager = kept;
    handles[1] = told.scan;
    CHECK_HR(MpThreatOpen(told.scan, MPTHREAT_SOURCE_SCAN, MPTHREAT_TYPE_KNOWNBAD, &handles[2]), S_OK);
    for (int i = 0; i < 3; i++) {
        CHECK_HR(MpHandleClose(handles[order[i]]), S_OK);
        if (order[i] == 1) {
            /* Nothing is told from here on. */
            int count = told.count;
            usleep(2000);
            CHECK(told.count == count && !told.calling);
        }
    }
}

static void handles_are_closed_in_any_order(void) {
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int i = 0; i < 6; i++) {
        close_in_an_order(orders[i]);
    }
}

/* A paused scan whose handle is closed ends: nobody is left who could let it go on. */
static void a_paused_scan_that_is_closed_goes_on(void) {
    static Told told;
    CHECK_HR(start(&told, MPSCAN_OPTION_ASYNC, NULL), S_OK);
    HRESULT code = MpScanControl(told.scan, MPCONTROL_PAUSE);
    CHECK(code == S_OK || code == MP(ERROR_MP_ALREADY_SHUTDOWN));
    CHECK_HR(MpHandleClose(told.scan), S_OK);
    wait_for_the_forgotten();
}

static void nobody_need_listen(void) {
    MPCALLBACK_INFO nobody = {NULL, NULL};
    MPHANDLE scan = NULL;
    for (int i = 0; i < 4; i++) {
        DWORD options = i & 1 ? MPSCAN_OPTION_ASYNC : MPSCAN_OPTION_NONE;
        CHECK_HR(MpScanStart(manager, MPSCAN_TYPE_RESOURCE, options, &resources.named, i & 2 ? &nobody : NULL, &scan),
                 S_OK);
        CHECK_HR(MpHandleClose(scan), S_OK);
    }
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    watch_for_a_hang(240);
    manager = open_manager();
    name_resources(&resources, 1, argv + 1);
    a_callback_may_abort_its_scan();
    a_callback_may_close_its_scan();
    a_callback_may_start_another_scan();
    a_callback_may_list_what_is_found_so_far();
    handles_are_closed_in_any_order();
    a_paused_scan_that_is_closed_goes_on();
    nobody_need_listen();
    CHECK_HR(MpHandleClose(manager), S_OK);
    wait_for_the_forgotten();
    free_resources(&resources);
    return 0;
}
