/* Starts and controls scans, and opens lists of threats, with arguments that cannot be. argv: a file. */
#include "told.h"

static MPHANDLE manager;
static MPSCAN_RESOURCES *good;

static void is_refused(HRESULT expected, MPHANDLE handle, DWORD type, DWORD options, MPSCAN_RESOURCES *resources) {
    MPHANDLE scan = handle_of(1);
    CHECK_HR(MpScanStart(handle, (MPSCAN_TYPE)type, options, resources, NULL, &scan), expected);
    CHECK(scan == NULL);
}

static void wrong_types_and_options(void) {
    is_refused(MP(ERROR_MP_NOT_SUPPORTED), manager, MPSCAN_TYPE_QUICK, 0, NULL);
    is_refused(MP(ERROR_MP_NOT_SUPPORTED), manager, MPSCAN_TYPE_FULL, 0, good);
    is_refused(E_INVALIDARG, manager, MPSCAN_TYPE_UNKNOWN, 0, good);
    is_refused(E_INVALIDARG, manager, 4, 0, good);
    is_refused(E_INVALIDARG, manager, 0xFFFFFFFFu, 0, good);
    for (int bit = 9; bit < 32; bit++) {
        is_refused(E_INVALIDARG, manager, MPSCAN_TYPE_RESOURCE, 1u << bit, good);
    }
    CHECK_HR(MpScanStart(manager, MPSCAN_TYPE_RESOURCE, 0, good, NULL, NULL), E_POINTER);
}

static void wrong_resources(char *path) {
    WCHAR empty[1] = {0}, lone[3] = {0xD83E, 'a', 0}, registry[7] = {'r', 'e', 'g', 'k', 'e', 'y', 0};
    static WCHAR endless[40000];
    LPWSTR file = wide(path), nowhere = wide("/nowhere/at/all"), device = wide("/dev/null");
    MPRESOURCE_INFO info = {NULL, file, 0};
    MPSCAN_RESOURCES resources = {1, &info};
    DWORD type = MPSCAN_TYPE_RESOURCE;
    for (int i = 0; i < 39999; i++) {
        endless[i] = 'a';
    }

    is_refused(E_POINTER, manager, type, 0, NULL);
    resources.pResourceList = NULL;
    is_refused(E_POINTER, manager, type, 0, &resources);
    resources.pResourceList = &info;
    static const DWORD counts[] = {0, 0x10001, 0x80000000u, 0xFFFFFFFFu};
    for (int i = 0; i < 4; i++) {
        resources.dwResourceCount = counts[i];
        is_refused(E_INVALIDARG, manager, type, 0, &resources);
    }
    resources.dwResourceCount = 1;

    info.Path = NULL;
    is_refused(E_POINTER, manager, type, 0, &resources);
    info.Path = empty;
    is_refused(E_INVALIDARG, manager, type, 0, &resources);
    info.Path = lone;
    is_refused(E_INVALIDARG, manager, type, 0, &resources);
    info.Path = endless;
    is_refused(WIN32(ERROR_FILENAME_EXCED_RANGE), manager, type, 0, &resources);
    info.Path = nowhere;
    is_refused(WIN32(ERROR_FILE_NOT_FOUND), manager, type, 0, &resources);
    info.Path = device;
    is_refused(MP(ERROR_MP_NOT_SUPPORTED), manager, type, 0, &resources);
    info.Path = file;
    info.Scheme = registry;
    is_refused(MP(ERROR_MP_NOT_SUPPORTED), manager, type, 0, &resources);
    info.Scheme = endless;
    is_refused(WIN32(ERROR_FILENAME_EXCED_RANGE), manager, type, 0, &resources);

    /* One bad resource among good ones, and nothing is started. */
    MPRESOURCE_INFO two[2] = {{NULL, file, 0}, {NULL, nowhere, 0}};
    resources.dwResourceCount = 2;
    resources.pResourceList = two;
    is_refused(WIN32(ERROR_FILE_NOT_FOUND), manager, type, 0, &resources);
    two[1].Path = file;
    two[1].Scheme = empty;
    MPHANDLE scan = NULL;
    CHECK_HR(MpScanStart(manager, MPSCAN_TYPE_RESOURCE, 0, &resources, NULL, &scan), S_OK);
    CHECK_HR(MpHandleClose(scan), S_OK);
    free(file);
    free(nowhere);
    free(device);
}

/* Every function with a handle that it does not take. */
static void wrong_handle(MPHANDLE wrong, int is_manager, int is_scan, int is_list) {
    MPHANDLE list = handle_of(1);
    PMPTHREAT_INFO threat = (PMPTHREAT_INFO)(void *)&list;
    PMPTHREAT_LOCALIZED_INFO words = (PMPTHREAT_LOCALIZED_INFO)(void *)&list;
    if (!is_manager) {
        is_refused(E_WIN_INVALID_HANDLE, wrong, MPSCAN_TYPE_RESOURCE, 0, good);
    }
    CHECK_HR(MpScanControl(wrong, MPCONTROL_ABORT),
             is_manager ? MP(ERROR_MP_NOT_SUPPORTED) : is_scan ? E_INVALIDARG : E_WIN_INVALID_HANDLE);
    if (!is_scan) {
        CHECK_HR(MpThreatOpen(wrong, MPTHREAT_SOURCE_SCAN, MPTHREAT_TYPE_KNOWNBAD, &list), E_WIN_INVALID_HANDLE);
        CHECK(list == NULL);
    }
    if (!is_list) {
        CHECK_HR(MpThreatEnumerate(wrong, &threat), E_WIN_INVALID_HANDLE);
        CHECK(threat == NULL);
    }
    threat = (PMPTHREAT_INFO)(void *)&list;
    CHECK_HR(MpThreatQuery(wrong, 1, &threat, &words),
             is_manager || is_scan || is_list ? MP(ERROR_MP_THREAT_NOT_FOUND) : E_WIN_INVALID_HANDLE);
    CHECK(threat == NULL && words == NULL);
    CHECK_HR(MpUpdateControl(wrong, MPCONTROL_ABORT), E_WIN_INVALID_HANDLE);
    if (!is_manager) {
        LPWSTR text = NULL;
        CHECK_HR(MpErrorMessageFormat(wrong, S_OK, &text), E_WIN_INVALID_HANDLE);
    }
}

static void wrong_lists(MPHANDLE scan) {
    MPHANDLE list = handle_of(1);
    PMPTHREAT_LOCALIZED_INFO words = NULL;
    MPTHREAT_TYPE bad = MPTHREAT_TYPE_KNOWNBAD;
    for (int source = MPTHREAT_SOURCE_ACTIVE; source <= MPTHREAT_SOURCE_STATE; source++) {
        CHECK_HR(MpThreatOpen(scan, (MPTHREAT_SOURCE)source, bad, &list), MP(ERROR_MP_NOT_SUPPORTED));
        CHECK(list == NULL);
        CHECK_HR(MpThreatOpen(manager, (MPTHREAT_SOURCE)source, bad, &list), MP(ERROR_MP_NOT_SUPPORTED));
    }
    CHECK_HR(MpThreatOpen(scan, (MPTHREAT_SOURCE)6, bad, &list), E_INVALIDARG);
    CHECK_HR(MpThreatOpen(scan, MPTHREAT_SOURCE_SCAN, (MPTHREAT_TYPE)5, &list), E_INVALIDARG);
    CHECK_HR(MpThreatOpen(scan, MPTHREAT_SOURCE_SCAN, (MPTHREAT_TYPE)-1, &list), E_INVALIDARG);
    CHECK_HR(MpThreatOpen(scan, MPTHREAT_SOURCE_SCAN, bad, NULL), E_POINTER);
    CHECK_HR(MpThreatQuery(scan, 1, NULL, NULL), E_POINTER);
    CHECK_HR(MpThreatQuery(scan, 1, NULL, &words), E_POINTER);
}

int main(int argc, char **argv) {
    static Resources resources;
    CHECK(argc == 2);
    watch_for_a_hang(120);
    manager = open_manager();
    good = name_resources(&resources, 1, argv + 1);
    wrong_types_and_options();
    wrong_resources(argv[1]);

    MPHANDLE scan = NULL, list = NULL;
    PMPTHREAT_INFO threat = (PMPTHREAT_INFO)(void *)&scan;
    CHECK_HR(MpScanStart(manager, MPSCAN_TYPE_RESOURCE, 0, good, NULL, &scan), S_OK);
    wrong_lists(scan);
    CHECK_HR(MpThreatOpen(scan, MPTHREAT_SOURCE_SCAN, MPTHREAT_TYPE_KNOWNBAD, &list), S_OK);
    CHECK_HR(MpThreatEnumerate(list, NULL), E_POINTER);
    CHECK_HR(MpThreatEnumerate(list, &threat), S_FALSE);
    CHECK(threat == NULL);
    wrong_handle(NULL, 0, 0, 0);
    wrong_handle(handle_of(UINT64_MAX), 0, 0, 0);
    wrong_handle(&scan, 0, 0, 0);
    wrong_handle(manager, 1, 0, 0);
    wrong_handle(scan, 0, 1, 0);
    wrong_handle(list, 0, 0, 1);
    CHECK_HR(MpHandleClose(scan), S_OK);
    wrong_handle(scan, 0, 0, 0);
    CHECK_HR(MpHandleClose(list), S_OK);
    wrong_handle(list, 0, 0, 0);
    CHECK_HR(MpHandleClose(manager), S_OK);
    wrong_handle(manager, 0, 0, 0);
    check_no_other_threads();
    free_resources(&resources);
    return 0;
}
