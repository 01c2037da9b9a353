/* Prints versions and status as lines, or the codes that say why there are none. */
#include <inttypes.h>

#include "check.h"

static void print_version(const char *name, MPCOMPONENT_VERSION version) {
    printf("%s=%u.%u.%u.%u %" PRIu64 "\n", name, (unsigned)(version.Version >> 48),
           (unsigned)(version.Version >> 32 & 0xFFFF), (unsigned)(version.Version >> 16 & 0xFFFF),
           (unsigned)(version.Version & 0xFFFF), version.UpdateTime.QuadPart);
}

static void print_component(const char *name, MPCOMPONENT_STATUS status) {
    printf("%s=%d 0x%08X\n", name, (int)status.fEnable, (unsigned)status.hResult);
}

int main(void) {
    MPHANDLE manager = open_manager();
    MPVERSION_INFO versions;
    HRESULT code = MpManagerVersionQuery(manager, &versions);
    printf("version_query=0x%08X\n", (unsigned)code);
    print_version("product", versions.Product);
    print_version("service", versions.Service);
    print_version("filter", versions.FileSystemFilter);
    print_version("engine", versions.Engine);
    print_version("antispyware", versions.ASSignature);
    print_version("antivirus", versions.AVSignature);
    print_version("nis_engine", versions.NISEngine);
    print_version("nis", versions.NISSignature);
    for (int i = 0; i < 4; i++) {
        CHECK(versions.Reserved[i].Version == 0 && versions.Reserved[i].UpdateTime.QuadPart == 0);
    }

    MPSTATUS_INFO status, again;
    code = MpManagerStatusQueryEx(manager, MP_STATUS_QUERY_FLAGS_NONE, &status);
    printf("status_query=0x%08X\n", (unsigned)code);
    CHECK_HR(MpManagerStatusQuery(manager, &again), code);
    CHECK(memcmp(&status, &again, sizeof status) == 0);
    CHECK_HR(MpManagerStatusQueryEx(manager, MP_STATUS_QUERY_FLAG_NOSTATE, &again), code);
    CHECK(memcmp(&status, &again, sizeof status) == 0);
    printf("flags=0x%X\n", (unsigned)status.ProductStatus);
    print_component("antivirus_status", status.Component[MPCOMPONENT_AV_SIGNATURE]);
    print_component("antispyware_status", status.Component[MPCOMPONENT_AS_SIGNATURE]);
    print_component("realtime_status", status.Component[MPCOMPONENT_REALTIME_MONITOR]);
    CHECK(status.LastQuickScan.StartTime.QuadPart == 0 && status.LastFullScan.StartTime.QuadPart == 0);
    CHECK(status.ThreatStats.ThreatCount == 0 && status.ProductExpirationTime.QuadPart == 0);

    CHECK_HR(MpHandleClose(manager), S_OK);
    return 0;
}
