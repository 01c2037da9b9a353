/*
 * A child has no part in a scan of its parent, and can use the lists that it inherits and scan itself.
 * argv: a folder of infected files.
 */
#include <sys/wait.h>

#include "told.h"

static MPHANDLE manager;
static Resources resources;

static void take_one(MPHANDLE list) {
    PMPTHREAT_INFO threat = NULL;
    CHECK_HR(MpThreatEnumerate(list, &threat), S_OK);
    CHECK_HR(MpThreatQuery(list, threat->ThreatID, &threat, NULL), S_OK);
    CHECK_HR(MpThreatQuery(manager, threat->ThreatID, &threat, NULL), S_OK);
}

static void be_a_child(MPHANDLE scan, MPHANDLE list) {
    MPHANDLE own = NULL, opened = NULL;
    PMPTHREAT_INFO threat = NULL;
    watch_for_a_hang(60);
    CHECK_HR(MpScanControl(scan, MPCONTROL_ABORT), E_WIN_INVALID_HANDLE);
    CHECK_HR(MpThreatOpen(scan, MPTHREAT_SOURCE_SCAN, MPTHREAT_TYPE_KNOWNBAD, &opened), E_WIN_INVALID_HANDLE);
    CHECK_HR(MpThreatQuery(scan, 1, &threat, NULL), E_WIN_INVALID_HANDLE);
    CHECK_HR(MpHandleClose(scan), S_OK);
    take_one(list);
    CHECK_HR(MpHandleClose(list), S_OK);

    CHECK_HR(MpScanStart(manager, MPSCAN_TYPE_RESOURCE, 0, &resources.named, NULL, &own), S_OK);
    CHECK_HR(MpThreatOpen(own, MPTHREAT_SOURCE_SCAN, MPTHREAT_TYPE_KNOWNBAD, &opened), S_OK);
    take_one(opened);
    CHECK_HR(MpHandleClose(opened), S_OK);
    CHECK_HR(MpHandleClose(own), S_OK);
}

int main(int argc, char **argv) {
    static Told told;
    MPHANDLE done = NULL, list = NULL;
    CHECK(argc == 2);
    watch_for_a_hang(240);
    manager = open_manager();
    name_resources(&resources, 1, argv + 1);
    CHECK_HR(MpScanStart(manager, MPSCAN_TYPE_RESOURCE, 0, &resources.named, NULL, &done), S_OK);

    for (int i = 0; i < 10; i++) {
        int status = 0;
        MPCALLBACK_INFO callback = {listen, &told};
        begin_to_listen(&told);
        CHECK_HR(MpThreatOpen(done, MPTHREAT_SOURCE_SCAN, MPTHREAT_TYPE_KNOWNBAD, &list), S_OK);
        CHECK_HR(MpScanStart(manager, MPSCAN_TYPE_RESOURCE, MPSCAN_OPTION_ASYNC | MPSCAN_OPTION_PROGRESS,
                             &resources.named, &callback, &told.scan),
                 S_OK);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            be_a_child(told.scan, list);
            _exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        CHECK_HR(wait_for_the_end(&told), S_OK);
        take_one(list);
        CHECK_HR(MpHandleClose(list), S_OK);
        CHECK_HR(MpHandleClose(told.scan), S_OK);
    }
    CHECK_HR(MpHandleClose(done), S_OK);
    CHECK_HR(MpHandleClose(manager), S_OK);
    free_resources(&resources);
    return 0;
}
