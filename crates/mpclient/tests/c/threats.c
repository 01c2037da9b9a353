/*
 * Lists the threats of a scan and asks for them, in every way. argv: a folder in which the threat "a" is in
 * each of some files and "b" in one of them, their number, and a clean file.
 */
#include "mpmemfree.h"
#include "told.h"

static MPHANDLE manager;

static int same_text(const WCHAR *text, const char *expected) {
    LPWSTR units = wide(expected);
    size_t at = 0;
    while (units[at] != 0 && units[at] == text[at]) {
        at++;
    }
    int same = units[at] == text[at];
    free(units);
    return same;
}

static int is_empty(const WCHAR *text) { return text != NULL && text[0] == 0; }

static int is_zero(GUID guid) {
    static const GUID zero = {0, 0, 0, {0, 0, 0, 0, 0, 0, 0, 0}};
    return memcmp(&guid, &zero, sizeof guid) == 0;
}

/* What is the same of every threat, wherever it comes from. */
static void check_fixed(const MPTHREAT_INFO *threat) {
    CHECK((threat->ThreatID & 0x80000000u) != 0 && threat->Name != NULL && threat->Name[0] != 0);
    CHECK(threat->ThreatType == MPTHREAT_TYPE_KNOWNBAD && threat->ThreatCriticality == MP_THREAT_SEVERITY_UNKNOWN);
    CHECK(threat->ThreatCategory == MP_THREAT_CATEGORY_UNKNOWN);
    CHECK(threat->ThreatDetection == MP_THREAT_DETECTION_CONCRETE && threat->ThreatStatusCode == S_OK);
    CHECK(is_zero(threat->DetectionID) && is_zero(threat->QuarantineGuid) && threat->Data.pKnownBad == NULL);
    CHECK(is_empty(threat->DetectionUser) && is_empty(threat->ProcessName) && is_empty(threat->RemediationUser));
    CHECK(threat->SuggestedActionCount == 0 && threat->RemediationTime.QuadPart == 0);
    CHECK(threat->RemediationResourceCount == 0 && threat->RemediationResourceList == NULL);
    CHECK(threat->ThreatStatusTime.QuadPart == threat->DetectionTime.QuadPart);
}

/* What a scan knows besides. */
static void check_found(const MPTHREAT_INFO *threat) {
    check_fixed(threat);
    CHECK(threat->ThreatStatus == MP_THREAT_STATUS_DETECTED && threat->State == MPDETECTION_STATE_ACTIVE);
    CHECK(threat->DetectionSource == MPSOURCE_USER && threat->DetectionTime.QuadPart != 0);
    CHECK(threat->ResourceCount > 0 && threat->ResourceList != NULL);
    for (DWORD i = 0; i < threat->ResourceCount; i++) {
        const MPRESOURCE_INFO *file = threat->ResourceList[i];
        CHECK(same_text(file->Scheme, "file") && file->Path[0] == '/');
        CHECK(file->Class == MP_RESOURCE_CLASS_CONCRETE);
    }
}

static void check_words(const MPTHREAT_LOCALIZED_INFO *words, MPTHREAT_ID id) {
    CHECK(words->ThreatID == id);
    CHECK(same_text(words->CategoryName, "Unknown") && same_text(words->SeverityName, "Unknown"));
    CHECK(!is_empty(words->CategoryDescription) && !is_empty(words->SeverityDescription));
    CHECK(!is_empty(words->ShortDescription) && !is_empty(words->Advice));
    CHECK(is_empty(words->DefaultActionName) && is_empty(words->ThreatUrl));
}

static MPHANDLE scan_it(char *path) {
    Resources resources;
    MPHANDLE scan = NULL;
    name_resources(&resources, 1, &path);
    CHECK_HR(MpScanStart(manager, MPSCAN_TYPE_RESOURCE, 0, &resources.named, NULL, &scan), S_OK);
    free_resources(&resources);
    return scan;
}

static MPHANDLE open_list(MPHANDLE scan, MPTHREAT_TYPE type) {
    MPHANDLE list = NULL;
    CHECK_HR(MpThreatOpen(scan, MPTHREAT_SOURCE_SCAN, type, &list), S_OK);
    CHECK(list != NULL && list != scan);
    return list;
}

static void ends(MPHANDLE list) {
    for (int i = 0; i < 3; i++) {
        PMPTHREAT_INFO none = (PMPTHREAT_INFO)(void *)&list;
        CHECK_HR(MpThreatEnumerate(list, &none), S_FALSE);
        CHECK(none == NULL);
    }
}

/* Takes both threats out of a list, and gives their numbers: that of "a" and that of "b". */
static void take_both(MPHANDLE list, DWORD files, MPTHREAT_ID ids[2]) {
    ids[0] = ids[1] = 0;
    for (int i = 0; i < 2; i++) {
        PMPTHREAT_INFO threat = NULL;
        CHECK_HR(MpThreatEnumerate(list, &threat), S_OK);
        check_found(threat);
        int is_b = same_text(threat->Name, "b");
        CHECK(is_b || same_text(threat->Name, "a"));
        CHECK(threat->ResourceCount == (is_b ? 1u : files));
        ids[is_b] = threat->ThreatID;
        MPTHREAT_INFO_FREE(threat);
    }
    CHECK(ids[0] != 0 && ids[1] != 0 && ids[0] != ids[1]);
    ends(list);
}

/* Asks a scan or a list. */
static void ask_for(MPHANDLE handle, MPTHREAT_ID id, const char *name, DWORD files) {
    PMPTHREAT_INFO threat = NULL;
    PMPTHREAT_LOCALIZED_INFO words = NULL;
    CHECK_HR(MpThreatQuery(handle, id, &threat, &words), S_OK);
    check_found(threat);
    CHECK(threat->ThreatID == id && same_text(threat->Name, name) && threat->ResourceCount == files);
    check_words(words, id);
    MPTHREAT_INFO_FREE(threat);
    MPTHREAT_LOCALIZED_INFO_FREE(words);
    CHECK_HR(MpThreatQuery(handle, id, &threat, NULL), S_OK);
    MpFreeMemory(threat);
}

static void ask_manager(MPHANDLE asked, MPTHREAT_ID id, const char *name) {
    PMPTHREAT_INFO threat = NULL;
    PMPTHREAT_LOCALIZED_INFO words = NULL;
    CHECK_HR(MpThreatQuery(asked, id, &threat, &words), S_OK);
    check_fixed(threat);
    CHECK(threat->ThreatID == id && same_text(threat->Name, name));
    CHECK(threat->ThreatStatus == MP_THREAT_STATUS_UNKNOWN && threat->State == MPDETECTION_STATE_UNKNOWN);
    CHECK(threat->ResourceCount == 0 && threat->ResourceList == NULL && threat->DetectionTime.QuadPart == 0);
    check_words(words, id);
    MpFreeMemory(words);
    MpFreeMemory(threat);
}

static void is_not_found(MPHANDLE handle, MPTHREAT_ID id) {
    PMPTHREAT_INFO threat = (PMPTHREAT_INFO)(void *)&handle;
    PMPTHREAT_LOCALIZED_INFO words = (PMPTHREAT_LOCALIZED_INFO)(void *)&handle;
    CHECK_HR(MpThreatQuery(handle, id, &threat, &words), MP(ERROR_MP_THREAT_NOT_FOUND));
    CHECK(threat == NULL && words == NULL);
}

/* Several threads take from one list: each threat is given once. */
static void *take(void *argument) {
    uintptr_t taken = 0;
    PMPTHREAT_INFO threat = NULL;
    while (MpThreatEnumerate((MPHANDLE)argument, &threat) == S_OK) {
        check_found(threat);
        MpFreeMemory(threat);
        taken++;
    }
    return (void *)taken;
}

static void threads_share_a_list(MPHANDLE scan) {
    pthread_t threads[4];
    uintptr_t taken = 0;
    MPHANDLE list = open_list(scan, MPTHREAT_TYPE_KNOWNBAD);
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, take, list) == 0);
    }
    for (int i = 0; i < 4; i++) {
        void *part = NULL;
        CHECK(pthread_join(threads[i], &part) == 0);
        taken += (uintptr_t)part;
    }
    CHECK(taken == 2);
    CHECK_HR(MpHandleClose(list), S_OK);
}

int main(int argc, char **argv) {
    MPTHREAT_ID ids[2], again[2];
    CHECK(argc == 4);
    watch_for_a_hang(240);
    DWORD files = (DWORD)atoi(argv[2]);
    manager = open_manager();
    MPHANDLE scan = scan_it(argv[1]), clean = scan_it(argv[3]);

    MPHANDLE list = open_list(scan, MPTHREAT_TYPE_KNOWNBAD);
    take_both(list, files, ids);
    ask_for(list, ids[0], "a", files);
    ask_for(scan, ids[0], "a", files);
    ask_for(scan, ids[1], "b", 1);
    ask_manager(manager, ids[1], "b");
    is_not_found(scan, 0);
    is_not_found(list, ids[0] ^ 1);
    is_not_found(clean, ids[0]);
    is_not_found(manager, ids[0] & 0x7FFFFFFFu);
    threads_share_a_list(scan);

    for (int type = MPTHREAT_TYPE_BEHAVIOR; type <= MPTHREAT_TYPE_MAXVALUE; type++) {
        MPHANDLE other = open_list(scan, (MPTHREAT_TYPE)type);
        ends(other);
        CHECK_HR(MpHandleClose(other), S_OK);
    }
    MPHANDLE none = open_list(clean, MPTHREAT_TYPE_KNOWNBAD);
    ends(none);
    CHECK_HR(MpHandleClose(none), S_OK);
    CHECK_HR(MpHandleClose(clean), S_OK);

    /* A list outlives its scan, and a manager knows of what is open, whoever has opened it. */
    MPHANDLE later = open_list(scan, MPTHREAT_TYPE_KNOWNBAD), other = open_manager();
    CHECK_HR(MpHandleClose(list), S_OK);
    CHECK_HR(MpHandleClose(scan), S_OK);
    is_not_found(later, 0);
    ask_manager(other, ids[0], "a");
    take_both(later, files, again);
    CHECK(again[0] == ids[0] && again[1] == ids[1]);
    CHECK_HR(MpHandleClose(later), S_OK);
    is_not_found(other, ids[0]);
    CHECK_HR(MpHandleClose(other), S_OK);
    CHECK_HR(MpHandleClose(manager), S_OK);
    check_no_other_threads();
    return 0;
}
