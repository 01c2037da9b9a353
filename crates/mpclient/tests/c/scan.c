/*
 * Scans what the command line names and prints what is told, what is returned, and the threats.
 *     scan OPTIONS PATH...
 */
#include <inttypes.h>

#include "told.h"

static const char *name_of(MPNOTIFY notify) {
    switch (notify) {
        case MPNOTIFY_SCAN_START: return "START";
        case MPNOTIFY_SCAN_PROGRESS: return "PROGRESS";
        case MPNOTIFY_SCAN_INFECTED: return "INFECTED";
        case MPNOTIFY_SCAN_ERROR: return "ERROR";
        case MPNOTIFY_SCAN_COMPLETE: return "COMPLETE";
        case MPNOTIFY_INTERNAL_FAILURE: return "INTERNAL_FAILURE";
        default: return "another";
    }
}

static void print(Told *told, PMPCALLBACK_DATA data) {
    const MPSCAN_DATA *now = data->Data.pScanData;
    printf("told %s 0x%08X %" PRIu64 " files %" PRIu64 " bytes %u threats ", name_of(data->Notify),
           (unsigned)data->hResult, now->ResourceStats.FileCount, now->ResourceStats.FileBytesCount,
           (unsigned)now->ThreatStats.ThreatCount);
    if (now->ResourceStats.PPMProgress == MPPROGRESS_INVALID) {
        printf("? [");
    } else {
        printf("%u [", (unsigned)now->ResourceStats.PPMProgress);
    }
    print_text(now->ResourceInfo->Scheme);
    putchar(':');
    print_text(now->ResourceInfo->Path);
    printf("]\n");
    (void)told;
}

static void print_threats(MPHANDLE scan) {
    MPHANDLE list = NULL;
    PMPTHREAT_INFO threat = NULL;
    CHECK_HR(MpThreatOpen(scan, MPTHREAT_SOURCE_SCAN, MPTHREAT_TYPE_KNOWNBAD, &list), S_OK);
    while (MpThreatEnumerate(list, &threat) == S_OK) {
        printf("threat %08X ", (unsigned)threat->ThreatID);
        print_text(threat->Name);
        for (DWORD i = 0; i < threat->ResourceCount; i++) {
            putchar(' ');
            print_text(threat->ResourceList[i]->Scheme);
            putchar(':');
            print_text(threat->ResourceList[i]->Path);
        }
        putchar('\n');
        MpFreeMemory(threat);
    }
    CHECK(threat == NULL);
    CHECK_HR(MpHandleClose(list), S_OK);
}

int main(int argc, char **argv) {
    static Told told;
    static Resources resources;
    CHECK(argc > 2);
    watch_for_a_hang(120);
    DWORD options = (DWORD)strtoul(argv[1], NULL, 16);
    MPHANDLE manager = open_manager(), scan = handle_of(1);
    begin_to_listen(&told);
    told.also = print;
    MPCALLBACK_INFO callback = {listen, &told};
    HRESULT code = MpScanStart(manager, MPSCAN_TYPE_RESOURCE, options,
                               name_resources(&resources, argc - 2, argv + 2), &callback, &scan);
    CHECK(SUCCEEDED(code) ? scan != NULL && scan != handle_of(1) : scan == NULL);
    if (SUCCEEDED(code) && (options & MPSCAN_OPTION_ASYNC)) {
        printf("completed=0x%08X\n", (unsigned)wait_for_the_end(&told));
    }
    printf("returned=0x%08X\n", (unsigned)code);
    if (SUCCEEDED(code)) {
        CHECK(told.over);
        print_threats(scan);
        CHECK_HR(MpHandleClose(scan), S_OK);
        CHECK_HR(MpHandleClose(scan), E_WIN_INVALID_HANDLE);
    }
    CHECK_HR(MpHandleClose(manager), S_OK);
    check_no_other_threads();
    free_resources(&resources);
    return 0;
}
