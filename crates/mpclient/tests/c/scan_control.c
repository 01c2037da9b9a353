/*
 * Pauses, resumes and aborts scans, in each of their states. argv: a folder of many infected files.
 *
 * A scan can be over before it is controlled; then another one is started, but not for ever.
 */
#include "told.h"

#define TRIES 50

static MPHANDLE manager;
static Resources resources;
static Told told;

static MPHANDLE start(DWORD options) {
    MPHANDLE scan = NULL;
    MPCALLBACK_INFO callback = {listen, &told};
    begin_to_listen(&told);
    options |= MPSCAN_OPTION_LOWPRIORITY;
    CHECK_HR(MpScanStart(manager, MPSCAN_TYPE_RESOURCE, options, &resources.named, &callback, &scan), S_OK);
    return scan;
}

/* A scan that was paused before its end. */
static MPHANDLE start_and_pause(int after_files) {
    for (int i = 0; i < TRIES; i++) {
        MPHANDLE scan = start(MPSCAN_OPTION_ASYNC | MPSCAN_OPTION_PROGRESS);
        if (after_files) {
            wait_until_told(&told, MPNOTIFY_SCAN_INFECTED, 1);
        }
        HRESULT code = MpScanControl(scan, MPCONTROL_PAUSE);
        if (code == S_OK) {
            return scan;
        }
        CHECK_HR(code, MP(ERROR_MP_ALREADY_SHUTDOWN));
        CHECK_HR(MpHandleClose(scan), S_OK);
    }
    CHECK(!"a scan could be paused");
    return NULL;
}

static void is_over(MPHANDLE scan) {
    for (DWORD control = MPCONTROL_ABORT; control <= MPCONTROL_RESUME; control++) {
        CHECK_HR(MpScanControl(scan, (MPCONTROL)control), MP(ERROR_MP_ALREADY_SHUTDOWN));
    }
    CHECK_HR(MpHandleClose(scan), S_OK);
}

static void pause_holds_a_scan_and_resume_lets_it_go_on(int after_files, int files) {
    MPHANDLE scan = start_and_pause(after_files);
    wait_until_told(&told, MPNOTIFY_SCAN_PAUSED, 1);
    CHECK_HR(MpScanControl(scan, MPCONTROL_PAUSE), S_OK);
    /* Time in which something could be told, and is not: the recorder would fail. */
    usleep(50000);
    CHECK(times_told(&told, MPNOTIFY_SCAN_PAUSED) == 1 && told.notify[told.count - 1] == MPNOTIFY_SCAN_PAUSED);
    CHECK(times_told(&told, MPNOTIFY_SCAN_COMPLETE) == 0);
    CHECK_HR(MpScanControl(scan, MPCONTROL_RESUME), S_OK);
    CHECK_HR(wait_for_the_end(&told), S_OK);
    CHECK(times_told(&told, MPNOTIFY_SCAN_RESUMED) == 1 && times_told(&told, MPNOTIFY_SCAN_COMPLETE) == 1);
    CHECK(times_told(&told, MPNOTIFY_SCAN_INFECTED) == files);
    CHECK(told.last.ResourceStats.PPMProgress == 1000000);
    is_over(scan);
}

static void abort_ends_a_scan(int paused, int files) {
    MPHANDLE scan = start_and_pause(0);
    wait_until_told(&told, MPNOTIFY_SCAN_PAUSED, 1);
    if (!paused) {
        CHECK_HR(MpScanControl(scan, MPCONTROL_RESUME), S_OK);
    }
    pthread_mutex_lock(&told.lock);
    told.aborted = 1;
    pthread_mutex_unlock(&told.lock);
    HRESULT code = MpScanControl(scan, MPCONTROL_ABORT);
    CHECK(code == S_OK || (!paused && code == MP(ERROR_MP_ALREADY_SHUTDOWN)));
    if (code == S_OK) {
        CHECK_HR(wait_for_the_end(&told), MP(ERROR_MP_SCAN_ABORTED));
        CHECK(told.notify[told.count - 2] == MPNOTIFY_SCAN_CANCEL);
        CHECK(told.last.ResourceStats.PPMProgress != 1000000);
    }
    wait_for_the_end(&told);
    CHECK(!paused || times_told(&told, MPNOTIFY_SCAN_INFECTED) < files);
    is_over(scan);
}

/* In a synchronous scan, from its callback. */
static void control_refused(Told *of, PMPCALLBACK_DATA data) {
    for (DWORD control = MPCONTROL_ABORT; control <= MPCONTROL_RESUME; control++) {
        CHECK_HR(MpScanControl(of->scan, (MPCONTROL)control), E_INVALIDARG);
    }
    of->also_called++;
    (void)data;
}

static void a_synchronous_scan_is_not_controlled(void) {
    MPCALLBACK_INFO callback = {listen, &told};
    begin_to_listen(&told);
    told.also = control_refused;
    CHECK_HR(MpScanStart(manager, MPSCAN_TYPE_RESOURCE, 0, &resources.named, &callback, &told.scan), S_OK);
    CHECK(told.also_called > 2);
    control_refused(&told, NULL);
    CHECK_HR(MpHandleClose(told.scan), S_OK);
}

static void only_what_is_a_control_is_taken(void) {
    MPHANDLE scan = start(MPSCAN_OPTION_ASYNC);
    CHECK_HR(MpScanControl(scan, (MPCONTROL)3), E_INVALIDARG);
    CHECK_HR(MpScanControl(scan, (MPCONTROL)-1), E_INVALIDARG);
    HRESULT code = MpScanControl(scan, MPCONTROL_RESUME);
    CHECK(code == S_OK || code == MP(ERROR_MP_ALREADY_SHUTDOWN));
    CHECK_HR(wait_for_the_end(&told), S_OK);
    CHECK(times_told(&told, MPNOTIFY_SCAN_RESUMED) == 0);
    is_over(scan);
    CHECK_HR(MpScanControl(manager, MPCONTROL_PAUSE), MP(ERROR_MP_NOT_SUPPORTED));
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    int files = atoi(argv[2]);
    watch_for_a_hang(240);
    manager = open_manager();
    name_resources(&resources, 1, argv + 1);
    pause_holds_a_scan_and_resume_lets_it_go_on(0, files);
    pause_holds_a_scan_and_resume_lets_it_go_on(1, files);
    abort_ends_a_scan(1, files);
    abort_ends_a_scan(0, files);
    a_synchronous_scan_is_not_controlled();
    only_what_is_a_control_is_taken();
    CHECK_HR(MpHandleClose(manager), S_OK);
    free_resources(&resources);
    return 0;
}
