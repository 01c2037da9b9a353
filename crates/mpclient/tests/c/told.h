/*
 * told.h: what the programs about scans share: resources, and a recorder of callbacks.
 *
 * The recorder checks what is true of every scan: that START is first and COMPLETE last, that only one
 * callback runs at a time, that statistics and times never fall, that no pointer is null, and that nothing
 * is told while the scan is paused.
 */
#ifndef TOLD_H
#define TOLD_H

#include <pthread.h>

#include "check.h"

#define MOST_TOLD 8192
#define MP(status) HRESULT_FROM_MP_STATUS(status)
#define WIN32(number) HRESULT_FROM_WIN32(number)

/* UTF-8 as UTF-16, in memory that free frees. */
static inline LPWSTR wide(const char *text) {
    LPWSTR units = (LPWSTR)calloc(strlen(text) + 1, sizeof(WCHAR));
    const BYTE *at = (const BYTE *)text;
    size_t length = 0;
    CHECK(units != NULL);
    while (*at) {
        int more = *at >= 0xF0 ? 3 : *at >= 0xE0 ? 2 : *at >= 0xC0 ? 1 : 0;
        uint32_t c = more == 0 ? *at : (uint32_t)(*at & (0x3F >> more));
        for (at++; more > 0; more--) {
            c = c << 6 | (uint32_t)(*at++ & 0x3F);
        }
        if (c >= 0x10000) {
            units[length++] = (WCHAR)(0xD7C0 + (c >> 10));
            c = 0xDC00 | (c & 0x3FF);
        }
        units[length++] = (WCHAR)c;
    }
    return units;
}

/* Resources that a program names by their paths. */
typedef struct Resources {
    MPSCAN_RESOURCES named;
    MPRESOURCE_INFO list[16];
    WCHAR scheme[5];
} Resources;

static inline PMPSCAN_RESOURCES name_resources(Resources *resources, int count, char **paths) {
    static const WCHAR scheme[5] = {'f', 'i', 'l', 'e', 0};
    CHECK(count >= 0 && count <= 16);
    memset(resources, 0, sizeof *resources);
    memcpy(resources->scheme, scheme, sizeof scheme);
    for (int i = 0; i < count; i++) {
        resources->list[i].Scheme = resources->scheme;
        resources->list[i].Path = wide(paths[i]);
    }
    resources->named.dwResourceCount = (DWORD)count;
    resources->named.pResourceList = resources->list;
    return &resources->named;
}

static inline void free_resources(Resources *resources) {
    for (int i = 0; i < 16; i++) {
        free(resources->list[i].Path);
    }
}

/* What was told. */
typedef struct Told {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int count, calling, paused, aborted, over;
    MPNOTIFY notify[MOST_TOLD];
    HRESULT code;
    MPSCAN_DATA last;
    uint64_t time;
    /* What else is to be done at a callback, and with what. */
    void (*also)(struct Told *told, PMPCALLBACK_DATA data);
    MPHANDLE manager, scan;
    int also_called;
} Told;

static inline void begin_to_listen(Told *told) {
    memset(told, 0, sizeof *told);
    CHECK(pthread_mutex_init(&told->lock, NULL) == 0 && pthread_cond_init(&told->changed, NULL) == 0);
}

static inline void check_statistics(const Told *told, const MPSCAN_DATA *now) {
    const MPRESOURCE_STATS *stats = &now->ResourceStats, *before = &told->last.ResourceStats;
    CHECK(stats->FileCount >= before->FileCount && stats->FileBytesCount >= before->FileBytesCount);
    CHECK(now->ThreatStats.ThreatCount >= told->last.ThreatStats.ThreatCount);
    CHECK(stats->ProcessCount == 0 && stats->RegKeyCount == 0 && now->ThreatStats.SuspiciousThreatCount == 0);
    CHECK(stats->PPMProgress == MPPROGRESS_INVALID || stats->PPMProgress <= 1000000);
    if (told->count > 0 && before->PPMProgress != MPPROGRESS_INVALID) {
        CHECK(stats->PPMProgress != MPPROGRESS_INVALID && stats->PPMProgress >= before->PPMProgress);
    }
    for (int i = 0; i < 4; i++) {
        CHECK(stats->Reserved[i] == 0 && now->ThreatStats.Reserved[i] == 0);
    }
}

static inline void check_order(const Told *told, MPNOTIFY notify) {
    CHECK(told->count < MOST_TOLD && !told->over && !told->calling);
    CHECK((told->count == 0) == (notify == MPNOTIFY_SCAN_START));
    if (told->paused && !told->aborted) {
        CHECK(notify == MPNOTIFY_SCAN_RESUMED);
    }
}

static inline HRESULT WINAPI listen(PVOID context, PMPCALLBACK_DATA data) {
    Told *told = (Told *)context;
    CHECK(data != NULL && data->Type == MPCALLBACK_SCAN && data->Data.pScanData != NULL);
    const MPSCAN_DATA *now = data->Data.pScanData;
    CHECK(now->ResourceInfo != NULL && now->ResourceInfo->Scheme != NULL && now->ResourceInfo->Path != NULL);
    CHECK(now->ScanType == MPSCAN_TYPE_RESOURCE);
    CHECK((now->ResourceInfo->Class == MP_RESOURCE_CLASS_CONCRETE) == (data->Notify == MPNOTIFY_SCAN_INFECTED));

    pthread_mutex_lock(&told->lock);
    check_order(told, data->Notify);
    check_statistics(told, now);
    CHECK(data->TimeStamp.QuadPart >= told->time);
    told->time = data->TimeStamp.QuadPart;
    told->last = *now;
    told->notify[told->count++] = data->Notify;
    told->calling = 1;
    if (data->Notify == MPNOTIFY_SCAN_PAUSED || data->Notify == MPNOTIFY_SCAN_RESUMED) {
        told->paused = data->Notify == MPNOTIFY_SCAN_PAUSED;
    }
    pthread_mutex_unlock(&told->lock);

    if (told->also != NULL) {
        told->also(told, data);
    }

    pthread_mutex_lock(&told->lock);
    told->calling = 0;
    if (data->Notify == MPNOTIFY_SCAN_COMPLETE) {
        told->over = 1;
        told->code = data->hResult;
    }
    pthread_cond_broadcast(&told->changed);
    pthread_mutex_unlock(&told->lock);
    return S_OK;
}

/* How often something was told so far. */
static inline int times_told(Told *told, MPNOTIFY notify) {
    int times = 0;
    pthread_mutex_lock(&told->lock);
    for (int i = 0; i < told->count; i++) {
        times += told->notify[i] == notify;
    }
    pthread_mutex_unlock(&told->lock);
    return times;
}

/* Waits until something was told so often. A program that waits in vain is ended by its watch. */
static inline void wait_until_told(Told *told, MPNOTIFY notify, int times) {
    while (times_told(told, notify) < times) {
        usleep(1000);
    }
}

/* Waits for the end of the scan. */
static inline HRESULT wait_for_the_end(Told *told) {
    pthread_mutex_lock(&told->lock);
    while (!told->over) {
        pthread_cond_wait(&told->changed, &told->lock);
    }
    pthread_mutex_unlock(&told->lock);
    return told->code;
}

#endif /* TOLD_H */
