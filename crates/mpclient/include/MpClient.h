/*
 * MpClient.h: the documented C interface of malware protection, as Booster implements it.
 *
 * Programs written against Microsoft's documentation of MpClient.h compile against this file and
 * link libmpclient. C11 and C++17; 64-bit systems. On Windows the system's own types are used, on
 * other systems those that are needed are defined here.
 *
 * WHERE NUMBERS COME FROM. Microsoft documents the names of everything below and the numbers of much
 * of it. Each group says which it is:
 *     documented    the number stands in Microsoft's documentation;
 *     seen          public programs agree on the number, Microsoft does not give it;
 *     ours          nobody has published it, so one was chosen, in the documented order.
 * Programs should use the names.
 *
 * HANDLES. An MPHANDLE is a number, not an address. One that was closed, is of another kind, belongs
 * to an operation of another process or was never a handle is refused with E_WIN_INVALID_HANDLE.
 * Numbers are not used again. NULL is no handle.
 *
 * ERRORS. Every function gives an HRESULT: S_OK, S_FALSE where said so, or a failure. What a failed
 * call would have given out through a pointer is set to NULL. E_POINTER stands for a null pointer
 * that must not be null, E_INVALIDARG for an argument that cannot be, E_OUTOFMEMORY for want of
 * memory and E_UNEXPECTED for a fault of the library itself; all functions can return these four, and
 * all that read settings ERROR_MP_BAD_CONFIGURATION. Where a comment names ERROR_MP_x or ERROR_x as a
 * result, HRESULT_FROM_MP_STATUS(ERROR_MP_x) or HRESULT_FROM_WIN32(ERROR_x) is meant.
 * MpErrorMessageFormat has a sentence for each code.
 *
 * THREADS. All functions can be called from any thread at any time, also from callbacks. No lock is
 * held while a callback runs.
 *
 * FORK. A child process can use the handles of managers and of lists of threats that it inherits, and open
 * new ones. Operations that its parent has started are not its own: their handles are refused, and
 * closing them forgets them.
 *
 * MEMORY. What is given out through a pointer to a pointer belongs to the caller, who frees it with
 * MpFreeMemory; text and structures inside lie in the same block and are freed with it. Text is
 * UTF-16 with a zero at the end. What a callback is given belongs to the library and lives until the
 * callback returns.
 *
 * SETTINGS. The antimalware service does the work where one answers. Where none does, the library does
 * it in the process that calls it, with the settings, the data folder and the locks of the command line
 * "booster". Settings are read at each call from the same file and the same BOOSTER_ environment
 * variables; they also say whether the service must be used (E_MP_SERVICE_UNAVAILABLE without it).
 */
#ifndef MPCLIENT_H
#define MPCLIENT_H

/* ---- Types of the system -------------------------------------------------------------------- */

#include <stddef.h>

#if defined(_WIN32)
#include <windows.h>
#else

#include <stdint.h>
#ifndef __cplusplus
#include <uchar.h>
#endif

/* A program that brings these types itself, from another emulation of windows.h, defines
 * MPCLIENT_NO_WINDOWS_TYPES. Text must then be UTF-16 and DWORD 32 bits wide. */
#ifndef MPCLIENT_NO_WINDOWS_TYPES

typedef uint8_t BYTE;
typedef uint16_t WORD;
typedef uint32_t DWORD;
typedef uint32_t ULONG;
typedef uint32_t UINT;
typedef uint64_t UINT64;
typedef uint64_t ULONGLONG;
typedef int32_t BOOL;
typedef int32_t HRESULT;
typedef void *PVOID;
typedef void *HANDLE;
typedef char16_t WCHAR;
typedef WCHAR *LPWSTR;
typedef const WCHAR *LPCWSTR;

typedef union _ULARGE_INTEGER {
    __extension__ struct {
        DWORD LowPart;
        DWORD HighPart;
    };
    struct {
        DWORD LowPart;
        DWORD HighPart;
    } u;
    ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;

typedef struct _FILETIME {
    DWORD dwLowDateTime;
    DWORD dwHighDateTime;
} FILETIME, *PFILETIME;

typedef struct _GUID {
    DWORD Data1;
    WORD Data2;
    WORD Data3;
    BYTE Data4[8];
} GUID;

#endif /* MPCLIENT_NO_WINDOWS_TYPES */

#ifndef WINAPI
#define WINAPI
#endif
#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif
#ifndef SUCCEEDED
#define SUCCEEDED(hr) (((HRESULT)(hr)) >= 0)
#endif
#ifndef FAILED
#define FAILED(hr) (((HRESULT)(hr)) < 0)
#endif
#ifndef HRESULT_FROM_WIN32
#define HRESULT_FROM_WIN32(x) \
    ((HRESULT)(x) <= 0 ? (HRESULT)(x) : (HRESULT)(((DWORD)(x) & 0xFFFFu) | 0x80070000u))
#endif

#endif /* _WIN32 */

/* An attribute of the interface's definition language; it means nothing to a compiler. */
#ifndef MP_MIDL_STRING
#define MP_MIDL_STRING
#endif

#ifdef __cplusplus
#define MPCLIENT_STATIC_ASSERT(condition, text) static_assert(condition, text)
extern "C" {
#else
#define MPCLIENT_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* ---- Handles and limits --------------------------------------------------------------------- */

/** What functions give out to be used in others. Closed with MpHandleClose. */
typedef HANDLE MPHANDLE, *PMPHANDLE;

/** Names a threat. The upper bit is set for those that antivirus definitions find. */
typedef ULONG MPTHREAT_ID;

/** Room for suggested actions in MPTHREAT_INFO; ours: each documented action fits once. */
#define MP_MAX_SUGGESTIONS 8

/** The highest index of MPSTATUS_INFO.ThreatState; ours: the last value of MPDETECTION_STATE. */
#define MP_THREAT_STAT_MAX_VALUE 6

/** MPRESOURCE_STATS.PPMProgress where progress is not known; ours. */
#define MPPROGRESS_INVALID 0xFFFFFFFFu

/* ---- Options -------------------------------------------------------------------------------- */

/** Options of MpUpdateStart; ours. At most one of HTTP, UNC, MANAGED and UNMANAGED. */
#define MPUPDATE_OPTION_NONE 0x0u
/** Return as soon as the update has started. */
#define MPUPDATE_OPTION_ASYNC 0x1u
/** Call back for progress, too. */
#define MPUPDATE_OPTION_PROGRESS 0x2u
/** Only sources of kind "http". */
#define MPUPDATE_OPTION_HTTP 0x4u
/** Only sources of kinds "unc" and "directory" (a mounted share or a folder). */
#define MPUPDATE_OPTION_UNC 0x8u
/** Only sources of kind "managed". */
#define MPUPDATE_OPTION_MANAGED 0x10u
/** Only sources of kind "unmanaged". */
#define MPUPDATE_OPTION_UNMANAGED 0x20u

/** Options of MpScanStart; ours. */
#define MPSCAN_OPTION_NONE 0x0u
/** Return as soon as the scan has started. */
#define MPSCAN_OPTION_ASYNC 0x1u
/** Call back for progress, too. The files are counted before the first is scanned. */
#define MPSCAN_OPTION_PROGRESS 0x2u
/** Scan with one thread, whatever the setting scan.threads says. */
#define MPSCAN_OPTION_LOWPRIORITY 0x4u
/* The others are taken and change nothing: the definitions alone decide what is found, the engine does
 * not look into archives, and results are never put together with those of other scans. */
#define MPSCAN_OPTION_PACKEDEXES 0x8u
#define MPSCAN_OPTION_ARCHIVES 0x10u
#define MPSCAN_OPTION_HEURISTICS 0x20u
#define MPSCAN_OPTION_REPORTFRIENDLY 0x40u
#define MPSCAN_OPTION_REPORTUNKNOWN 0x80u
#define MPSCAN_OPTION_NOCONSOLIDATE 0x100u

/** Flags of MpManagerStatusQueryEx; ours. */
#define MP_STATUS_QUERY_FLAGS_NONE 0x0u
/** Leave ThreatState out. */
#define MP_STATUS_QUERY_FLAG_NOSTATE 0x1u

/** Bits of MPRESOURCE_INFO.Class; documented. */
typedef DWORD MPRESOURCE_CLASS;
#define MP_RESOURCE_CLASS_UNKNOWN 0x0000u
/** Excludes MP_RESOURCE_CLASS_LATENT. */
#define MP_RESOURCE_CLASS_CONCRETE 0x0001u
/** Excludes MP_RESOURCE_CLASS_CONCRETE. */
#define MP_RESOURCE_CLASS_LATENT 0x0002u
#define MP_RESOURCE_CLASS_SAMPLE_FILE 0x0004u
#define MP_RESOURCE_CLASS_SHARED 0x0100u

/* ---- Enumerations --------------------------------------------------------------------------- */

/** What MpUpdateControl and MpScanControl are to do; seen. */
typedef enum tagMPCONTROL {
    MPCONTROL_ABORT = 0,
    MPCONTROL_PAUSE = 1,
    MPCONTROL_RESUME = 2
} MPCONTROL, *PMPCONTROL;

/** The kind of source in use; order documented, numbers seen. */
typedef enum tagMPSIGUPDATE_TYPE {
    MPSIGUPDATE_TYPE_NONE = 0,
    MPSIGUPDATE_TYPE_MANAGED = 1,
    MPSIGUPDATE_TYPE_HTTP = 2,
    MPSIGUPDATE_TYPE_HTTP_SRV = 3,
    MPSIGUPDATE_TYPE_UNC = 4,
    MPSIGUPDATE_TYPE_UNMANAGED = 5,
    MPSIGUPDATE_TYPE_MANAGED_PLATFORM = 6,
    MPSIGUPDATE_TYPE_UNMANAGED_PLATFORM = 7
} MPSIGUPDATE_TYPE, *PMPSIGUPDATE_TYPE;

/** The stage that an update has reached; order documented, numbers seen. */
typedef enum tagMP_UPDATE_STAGE {
    MP_STAGE_UNKNOWN = 0,
    MP_SEARCH_UPDATE = 1,
    MP_DOWNLOAD_UPDATE = 2,
    MP_INSTALL_UPDATE = 3
} MP_UPDATE_STAGE, *PMP_UPDATE_STAGE;

/**
 * What a callback tells of. The names and their order are documented. The numbers of CLEAN and all
 * after it are ours, those before it are seen: each kind has a block of 0x1000.
 */
typedef enum tagMPNOTIFY {
    MPNOTIFY_NONE = 0,
    MPNOTIFY_CALL_START = 0x1001,
    MPNOTIFY_CALL_COMPLETE = 0x1002,
    MPNOTIFY_INTERNAL_FAILURE = 0x2001,
    MPNOTIFY_STATUS_SERVICE_START = 0x3001,
    MPNOTIFY_STATUS_SERVICE_RUNNING = 0x3002,
    MPNOTIFY_STATUS_SERVICE_STOP = 0x3003,
    MPNOTIFY_STATUS_COMPONENT = 0x3004,
    MPNOTIFY_STATUS_CHANGE = 0x3005,
    MPNOTIFY_STATUS_COMPONENT_CONFIGURATION = 0x3006,
    MPNOTIFY_STATUS_EXPIRATION_CHANGE = 0x3007,
    MPNOTIFY_STATUS_OFFLINE_SCAN_CHANGE = 0x3008,
    MPNOTIFY_SCAN_START = 0x4001,
    MPNOTIFY_SCAN_PAUSED = 0x4002,
    MPNOTIFY_SCAN_RESUMED = 0x4003,
    MPNOTIFY_SCAN_CANCEL = 0x4004,
    MPNOTIFY_SCAN_COMPLETE = 0x4005,
    MPNOTIFY_SCAN_PROGRESS = 0x4006,
    MPNOTIFY_SCAN_ERROR = 0x4007,
    MPNOTIFY_SCAN_INFECTED = 0x4008,
    MPNOTIFY_SCAN_MEMORYSTART = 0x4009,
    MPNOTIFY_SCAN_MEMORYCOMPLETE = 0x4010,
    MPNOTIFY_SCAN_SFC_BUILD_START = 0x4011,
    MPNOTIFY_SCAN_SFC_BUILD_COMPLETE = 0x4012,
    MPNOTIFY_SCAN_FASTPATH_START = 0x4013,
    MPNOTIFY_SCAN_FASTPATH_COMPLETE = 0x4014,
    MPNOTIFY_SCAN_FASTPATH_PROGRESS = 0x4015,
    MPNOTIFY_CLEAN_START = 0x5001,
    MPNOTIFY_CLEAN_COMPLETE = 0x5002,
    MPNOTIFY_CLEAN_RESTOREPOINT_START = 0x5003,
    MPNOTIFY_CLEAN_RESTOREPOINT_SUCCEEDED = 0x5004,
    MPNOTIFY_CLEAN_RESTOREPOINT_FAILED = 0x5005,
    MPNOTIFY_CLEAN_THREAT_START = 0x5006,
    MPNOTIFY_CLEAN_THREAT_SUCCEEDED = 0x5007,
    MPNOTIFY_CLEAN_THREAT_FAILED = 0x5008,
    MPNOTIFY_CLEAN_RESOURCE_SUCCEEDED = 0x5009,
    MPNOTIFY_CLEAN_RESOURCE_FAILED = 0x500A,
    MPNOTIFY_CLEAN_THREAT_COMPLETE = 0x500B,
    MPNOTIFY_PRECHECK_START = 0x6001,
    MPNOTIFY_PRECHECK_COMPLETE = 0x6002,
    MPNOTIFY_PRECHECK_RESOURCE_BLOCKED = 0x6003,
    MPNOTIFY_THREAT_DETECTED = 0x7001,
    MPNOTIFY_THREAT_MODIFIED = 0x7002,
    MPNOTIFY_THREAT_CLEAN_SUCCEEDED = 0x7003,
    MPNOTIFY_THREAT_CLEAN_FAILED = 0x7004,
    MPNOTIFY_THREAT_ABANDONED = 0x7005,
    MPNOTIFY_THREAT_CLEAN_EVENT_START = 0x7006,
    MPNOTIFY_THREAT_CLEAN_EVENT_COMPLETE = 0x7007,
    MPNOTIFY_SIGUPDATE_START = 0x8001,
    MPNOTIFY_SIGUPDATE_SEARCH_START = 0x8002,
    MPNOTIFY_SIGUPDATE_SEARCH_COMPLETE = 0x8003,
    MPNOTIFY_SIGUPDATE_SOFTWARE_UPDATE_AVAILABLE = 0x8004,
    MPNOTIFY_SIGUPDATE_DOWNLOAD_START = 0x8005,
    MPNOTIFY_SIGUPDATE_DOWNLOAD_PROGRESS = 0x8006,
    MPNOTIFY_SIGUPDATE_DOWNLOAD_COMPLETE = 0x8007,
    MPNOTIFY_SIGUPDATE_INSTALL_START = 0x8008,
    MPNOTIFY_SIGUPDATE_INSTALL_PROGRESS = 0x8009,
    MPNOTIFY_SIGUPDATE_INSTALL_COMPLETE = 0x800A,
    MPNOTIFY_SIGUPDATE_REBOOT_REQUIRED = 0x800B,
    MPNOTIFY_SIGUPDATE_REQUEST_PROCESSED = 0x800C,
    MPNOTIFY_SIGUPDATE_COMPLETE = 0x800D,
    MPNOTIFY_SAMPLE_START = 0x9001,
    MPNOTIFY_SAMPLE_COMPLETE = 0x9002,
    MPNOTIFY_SAMPLE_ITEM_START = 0x9003,
    MPNOTIFY_SAMPLE_ITEM_SUCCEEDED = 0x9004,
    MPNOTIFY_SAMPLE_ITEM_FAILED = 0x9005,
    MPNOTIFY_RESERVED_DATA = 0xA001,
    MPNOTIFY_FASTPATH_SIG_ADDED = 0xB001,
    MPNOTIFY_FASTPATH_SIG_REMOVED = 0xB002,
    MPNOTIFY_NIS_PRIVATE = 0xC001,
    MPNOTIFY_HEALTH_CHANGE = 0xD001,
    MPNOTIFY_HEALTH_RECOVERY = 0xD002,
    MPNOTIFY_HEALTH_START = 0xD003,
    MPNOTIFY_ENDOFLIFE_CHANGE = 0xE001,
    MPNOTIFY_MALWARETOAST_DATA = 0xF001
} MPNOTIFY, *PMPNOTIFY;

/** What the data of a callback is; documented. */
typedef enum tagMPCALLBACK_TYPE {
    MPCALLBACK_UNKNOWN = 0,
    MPCALLBACK_STATUS = 1,
    MPCALLBACK_THREAT = 2,
    MPCALLBACK_SCAN = 3,
    MPCALLBACK_CLEAN = 4,
    MPCALLBACK_PRECHECK = 5,
    MPCALLBACK_SIGUPDATE = 6,
    MPCALLBACK_SAMPLE = 7,
    MPCALLBACK_RESERVED = 8,
    MPCALLBACK_CONFIGURATION_NOTIFICATION = 9,
    MPCALLBACK_FASTPATH = 10,
    MPCALLBACK_PRODUCT_EXPIRATION = 11,
    MPCALLBACK_NIS_PRIVATE = 12,
    MPCALLBACK_HEALTH = 13,
    MPCALLBACK_ENDOFLIFE = 14,
    MPCALLBACK_MALWARETOAST = 15,
    MPCALLBACK_MAXVALUE = 15
} MPCALLBACK_TYPE, *PMPCALLBACK_TYPE;

/** Index into MPSTATUS_INFO.Component; documented. */
typedef enum tagMPCOMPONENT_ID {
    MPCOMPONENT_AS_SIGNATURE = 0,
    MPCOMPONENT_AV_SIGNATURE = 1,
    MPCOMPONENT_REALTIME_MONITOR = 2,
    MPCOMPONENT_ONACCESS_PROTECTION = 3,
    MPCOMPONENT_IOAV_PROTECTION = 4,
    MPCOMPONENT_BEHAVIOR_MONITOR = 5,
    MPCOMPONENT_AUTO_SCAN = 6,
    MPCOMPONENT_AUTO_SIGUPDATE = 7,
    MPCOMPONENT_IPC = 8,
    MPCOMPONENT_NIS = 9,
    MPCOMPONENT_ELAM = 10,
    MPCOMPONENT_MAXVALUE = 10
} MPCOMPONENT_ID, *PMPCOMPONENT_ID;

/** Bits of MPSTATUS_INFO.ProductStatus; documented. */
typedef enum tagMPSTATUS_FLAG {
    MP_STATUS_FLAG_NONE = 0,
    MP_STATUS_FLAG_SERVICE_UNAVAILABLE = 1 << 0,
    MP_STATUS_FLAG_MPENGINE_UNAVAILABLE = 1 << 1,
    MP_STATUS_FLAG_THREAT_FULLSCAN_REQUIRED = 1 << 2,
    MP_STATUS_FLAG_THREAT_REBOOT_REQUIRED = 1 << 3,
    MP_STATUS_FLAG_THREAT_MANUAL_STEPS_REQUIRED = 1 << 4,
    MP_STATUS_FLAG_DUE_AV_SIGNATURE = 1 << 5,
    MP_STATUS_FLAG_DUE_AS_SIGNATURE = 1 << 6,
    MP_STATUS_FLAG_DUE_QUICK_SCAN = 1 << 7,
    MP_STATUS_FLAG_DUE_FULL_SCAN = 1 << 8,
    MP_STATUS_FLAG_INPROGRESS_SYSTEM_SCAN = 1 << 9,
    MP_STATUS_FLAG_INPROGRESS_ROUTINE_CLEANING = 1 << 10,
    MP_STATUS_FLAG_DUE_SAMPLES = 1 << 11,
    MP_STATUS_FLAG_EVALUATION_MODE = 1 << 12,
    MP_STATUS_FLAG_NONGENUINE = 1 << 13,
    MP_STATUS_FLAG_PRODUCT_EXPIRED = 1 << 14,
    MP_STATUS_FLAG_THREAT_CALLISTO_REQUIRED = 1 << 15,
    MP_STATUS_FLAG_SERVICE_ON_SYSTEM_SHUTDOWN = 1 << 16,
    MP_STATUS_FLAG_SERVICE_CRITICAL_FAILURE = 1 << 17,
    MP_STATUS_FLAG_SERVICE_NON_CRITICAL_FAILURE = 1 << 18,
    MP_STATUS_FLAG_HEALTH_INITIALIZED = 1 << 19,
    MP_STATUS_FLAG_DUE_PLATFORM_UPDATE = 1 << 20,
    MP_STATUS_FLAG_INPROGRESS_PLATFORM_UPDATE = 1 << 21,
    MP_STATUS_FLAG_PLATFORM_ABOUT_TO_BE_OUTDATED = 1 << 22,
    MP_STATUS_FLAG_END_OF_LIFE = 1 << 23,
    MP_STATUS_FLAG_MAX = 1 << 23,
    MP_STATUS_FLAG_ALL = (1 << 24) - 1
} MPSTATUS_FLAG, *PMPSTATUS_FLAG;

/** Documented. */
typedef enum tagMP_EXPIRE_REASON {
    MP_EXPIRED_UNKNOWN = 0,
    MP_EXPIRED_EVAL = 1,
    MP_EXPIRED_WAT = 2
} MP_EXPIRE_REASON, *PMP_EXPIRE_REASON;

/** Documented. */
typedef enum tagMP_EXPIRE_STATE_REPORT {
    MP_EXPIRE_STATE_REPORT_UNKNOWN = 0,
    MP_EXPIRE_STATE_REPORT_VALID = 1,
    MP_EXPIRE_STATE_REPORT_WARNING = 2,
    MP_EXPIRE_STATE_REPORT_EXPIRED = 3
} MP_EXPIRE_STATE_REPORT, *PMP_EXPIRE_STATE_REPORT;

/** Documented. */
typedef enum tagMP_SIGNATURE_TYPE {
    MP_SIGNATURE_ANTIMALWARE = 0,
    MP_SIGNATURE_ANTIVIRUS = 1,
    MP_SIGNATURE_ANTISPYWARE = 2,
    MP_SIGNATURE_NIS = 3,
    MP_SIGNATURE_TYPES_MAXVALUE = 3
} MP_SIGNATURE_TYPE, *PMP_SIGNATURE_TYPE;

/** Documented. */
typedef enum tagMP_FASTPATH_TYPE {
    MP_FASTPATH_UNKNOWN = 0,
    MP_FASTPATH_VDM = 1,
    MP_FASTPATH_DISABLED = 2
} MP_FASTPATH_TYPE, *PMP_FASTPATH_TYPE;

/** Documented. */
typedef enum tagMP_PERSISTENCE_LIMIT_TYPE {
    MP_PERSISTENCE_UNKNOWN = 0,
    MP_PERSISTENCE_NO_LIMIT = 1,
    MP_PERSISTENCE_DURATION = 2,
    MP_PERSISTENCE_VDM_VERSION = 3,
    MP_PERSISTENCE_TIMESTAMP = 4,
    MP_PERSISTENCE_FORCED = 5
} MP_PERSISTENCE_LIMIT_TYPE, *PMP_PERSISTENCE_LIMIT_TYPE;

/** Documented. */
typedef enum tagMP_REMOVAL_REASON {
    MP_REMOVAL_UNKNOWN = 0,
    MP_REMOVAL_MANUAL = 1,
    MP_REMOVAL_AUTOMATIC = 2
} MP_REMOVAL_REASON, *PMP_REMOVAL_REASON;

/** Kinds of scans; documented. */
typedef enum tagMPSCAN_TYPE {
    MPSCAN_TYPE_UNKNOWN = 0,
    MPSCAN_TYPE_QUICK = 1,
    MPSCAN_TYPE_FULL = 2,
    MPSCAN_TYPE_RESOURCE = 3,
    MPSCAN_TYPE_MAXVALUE = 3
} MPSCAN_TYPE, *PMPSCAN_TYPE;

/** Who has begun a scan; documented. */
typedef enum tagMPSOURCE {
    MPSOURCE_UNKNOWN = 0,
    MPSOURCE_USER = 1,
    MPSOURCE_SYSTEM = 2,
    MPSOURCE_REALTIME = 3,
    MPSOURCE_IOAV = 4,
    MPSOURCE_NIS = 5,
    MPSOURCE_BHO = 6,
    MPSOURCE_IEPROTECT = 6,
    MPSOURCE_ELAM = 7,
    MPSOURCE_LOCAL_ATTESTATION = 8,
    MPSOURCE_REMOTE_ATTESTATION = 9,
    MPSOURCE_AMSI = 10,
    MP_SOURCE_MAXVALUE = 10
} MPSOURCE, *PMPSOURCE;

/** Which threats MpThreatOpen lists; seen. */
typedef enum tagMPTHREAT_SOURCE {
    MPTHREAT_SOURCE_SCAN = 0,
    MPTHREAT_SOURCE_ACTIVE = 1,
    MPTHREAT_SOURCE_HISTORY = 2,
    MPTHREAT_SOURCE_QUARANTINE = 3,
    MPTHREAT_SOURCE_SIGNATURE = 4,
    MPTHREAT_SOURCE_STATE = 5,
    MPTHREAT_SOURCE_MAXVALUE = 5
} MPTHREAT_SOURCE, *PMPTHREAT_SOURCE;

/** How a threat is known; documented. SUSPICIOUS is what the page of MpThreatOpen calls BEHAVIOR. */
typedef enum tagMPTHREAT_TYPE {
    MPTHREAT_TYPE_KNOWNBAD = 0,
    MPTHREAT_TYPE_BEHAVIOR = 1,
    MPTHREAT_TYPE_SUSPICIOUS = 1,
    MPTHREAT_TYPE_UNKNOWN = 2,
    MPTHREAT_TYPE_KNOWNGOOD = 3,
    MPTHREAT_TYPE_NIS = 4,
    MPTHREAT_TYPE_MAXVALUE = 4
} MPTHREAT_TYPE, *PMPTHREAT_TYPE;

/** Documented. */
typedef enum tagMPTHREAT_SEVERITY {
    MP_THREAT_SEVERITY_UNKNOWN = 0,
    MP_THREAT_SEVERITY_LOW = 1,
    MP_THREAT_SEVERITY_MODERATE = 2,
    MP_THREAT_SEVERITY_HIGH = 4,
    MP_THREAT_SEVERITY_SEVERE = 5,
    MP_THREAT_SEVERITY_MAXVALUE = 5
} MPTHREAT_SEVERITY, *PMPTHREAT_SEVERITY;

/** Documented. */
typedef enum tagMPTHREAT_STATUS {
    MP_THREAT_STATUS_UNKNOWN = 0,
    MP_THREAT_STATUS_DETECTED = 1,
    MP_THREAT_STATUS_CLEANED = 2,
    MP_THREAT_STATUS_QUARANTINED = 3,
    MP_THREAT_STATUS_REMOVED = 4,
    MP_THREAT_STATUS_ALLOWED = 5,
    MP_THREAT_STATUS_BLOCKED = 6,
    MP_THREAT_STATUS_CLEAN_FAILED = 102,
    MP_THREAT_STATUS_QUARANTINE_FAILED = 103,
    MP_THREAT_STATUS_REMOVE_FAILED = 104,
    MP_THREAT_STATUS_ALLOW_FAILED = 105,
    MP_THREAT_STATUS_ABANDONED = 106,
    MP_THREAT_STATUS_BLOCK_FAILED = 107
} MPTHREAT_STATUS, *PMPTHREAT_STATUS;

/** Documented. */
typedef enum tagMPTHREAT_ACTION {
    MP_THREAT_ACTION_UNKNOWN = 0,
    MP_THREAT_ACTION_CLEAN = 1,
    MP_THREAT_ACTION_QUARANTINE = 2,
    MP_THREAT_ACTION_REMOVE = 3,
    MP_THREAT_ACTION_ALLOW = 6,
    MP_THREAT_ACTION_USERDEFINED = 8,
    MP_THREAT_ACTION_NOACTION = 9,
    MP_THREAT_ACTION_BLOCK = 10,
    MP_THREAT_ACTION_MAX_VALUE = 10
} MPTHREAT_ACTION, *PMPTHREAT_ACTION;

/** Documented. */
typedef enum tagMPTHREAT_DETECTION {
    MP_THREAT_DETECTION_CONCRETE = 0,
    MP_THREAT_DETECTION_HEURISTIC = 1,
    MP_THREAT_DETECTION_GENERIC = 2,
    MP_THREAT_DETECTION_SUSPICIOUS = 4,
    MP_THREAT_DETECTION_FASTPATH = 8
} MPTHREAT_DETECTION, *PMPTHREAT_DETECTION;

/** Documented. */
typedef enum tagMPDETECTION_ORIGIN {
    MPDETECTION_ORIGIN_UNKNOWN = 0,
    MPDETECTION_ORIGIN_LOCAL_MACHINE = 1 << 0,
    MPDETECTION_ORIGIN_NETWORKSHARE = 1 << 1,
    MPDETECTION_ORIGIN_INTERNET = 1 << 2,
    MPDETECTION_ORIGIN_OUTBOUND = 1 << 3,
    MPDETECTION_ORIGIN_INBOUND = 1 << 4
} MPDETECTION_ORIGIN, *PMPDETECTION_ORIGIN;

/** Documented. */
typedef enum tagMPDETECTION_STATE {
    MPDETECTION_STATE_UNKNOWN = 0,
    MPDETECTION_STATE_ACTIVE = 1,
    MPDETECTION_STATE_FINISHED = 2,
    MPDETECTION_STATE_ADDITIONAL_ACTIONS = 3,
    MPDETECTION_STATE_FAILED = 4,
    MPDETECTION_STATE_CRITICALLY_FAILED = 5,
    MPDETECTION_STATE_CLEARED = 6
} MPDETECTION_STATE, *PMPDETECTION_STATE;

/** Documented. */
typedef enum tagMPEXECUTION_STATUS {
    MP_EXECUTION_STATUS_UNKNOWN = 0,
    MP_EXECUTION_STATUS_BLOCKED = 1,
    MP_EXECUTION_STATUS_ALLOWED = 2,
    MP_EXECUTION_STATUS_EXECUTING = 3,
    MP_EXECUTION_STATUS_NOT_EXECUTING = 4
} MPEXECUTION_STATUS, *PMPEXECUTION_STATUS;

/** Documented. */
typedef enum tagMPRESOLVED_REASON {
    MPRESOLVED_REASON_UNKNOWN = 0,
    MPRESOLVED_REASON_FULL_SCAN = 1,
    MPRESOLVED_REASON_TIMED_OUT = 2
} MPRESOLVED_REASON, *PMPRESOLVED_REASON;

/** Documented. */
typedef enum tagMP_HASH_TYPE {
    MP_HASH_TYPE_NONE = 0,
    MP_HASH_TYPE_CRC32 = 2,
    MP_HASH_TYPE_MD5 = 4,
    MP_HASH_TYPE_SHA1 = 8,
    MP_HASH_TYPE_SHA256 = 16
} MP_HASH_TYPE, *PMP_HASH_TYPE;

/** Documented; the spelling of VULNERABILTIY, too. */
typedef enum tagMPTHREAT_CATEGORY {
    MP_THREAT_CATEGORY_INVALID = 0,
    MP_THREAT_CATEGORY_ADWARE = 1,
    MP_THREAT_CATEGORY_SPYWARE = 2,
    MP_THREAT_CATEGORY_PASSWORDSTEALER = 3,
    MP_THREAT_CATEGORY_TROJANDOWNLOADER = 4,
    MP_THREAT_CATEGORY_WORM = 5,
    MP_THREAT_CATEGORY_BACKDOOR = 6,
    MP_THREAT_CATEGORY_REMOTEACCESSTROJAN = 7,
    MP_THREAT_CATEGORY_TROJAN = 8,
    MP_THREAT_CATEGORY_EMAILFLOODER = 9,
    MP_THREAT_CATEGORY_KEYLOGGER = 10,
    MP_THREAT_CATEGORY_DIALER = 11,
    MP_THREAT_CATEGORY_MONITORINGSOFTWARE = 12,
    MP_THREAT_CATEGORY_BROWSERMODIFIER = 13,
    MP_THREAT_CATEGORY_COOKIE = 14,
    MP_THREAT_CATEGORY_BROWSERPLUGIN = 15,
    MP_THREAT_CATEGORY_AOLEXPLOIT = 16,
    MP_THREAT_CATEGORY_NUKER = 17,
    MP_THREAT_CATEGORY_SECURITYDISABLER = 18,
    MP_THREAT_CATEGORY_JOKEPROGRAM = 19,
    MP_THREAT_CATEGORY_HOSTILEACTIVEXCONTROL = 20,
    MP_THREAT_CATEGORY_SOFTWAREBUNDLER = 21,
    MP_THREAT_CATEGORY_STEALTHNOTIFIER = 22,
    MP_THREAT_CATEGORY_SETTINGSMODIFIER = 23,
    MP_THREAT_CATEGORY_TOOLBAR = 24,
    MP_THREAT_CATEGORY_REMOTECONTROLSOFTWARE = 25,
    MP_THREAT_CATEGORY_TROJANFTP = 26,
    MP_THREAT_CATEGORY_POTENTIALUNWANTEDSOFTWARE = 27,
    MP_THREAT_CATEGORY_ICQEXPLOIT = 28,
    MP_THREAT_CATEGORY_TROJANTELNET = 29,
    MP_THREAT_CATEGORY_EXPLOIT = 30,
    MP_THREAT_CATEGORY_FILESHARINGPROGRAM = 31,
    MP_THREAT_CATEGORY_MALWARE_CREATION_TOOL = 32,
    MP_THREAT_CATEGORY_REMOTE_CONTROL_SOFTWARE = 33,
    MP_THREAT_CATEGORY_TOOL = 34,
    MP_THREAT_CATEGORY_TROJAN_DENIALOFSERVICE = 36,
    MP_THREAT_CATEGORY_TROJAN_DROPPER = 37,
    MP_THREAT_CATEGORY_TROJAN_MASSMAILER = 38,
    MP_THREAT_CATEGORY_TROJAN_MONITORINGSOFTWARE = 39,
    MP_THREAT_CATEGORY_TROJAN_PROXYSERVER = 40,
    MP_THREAT_CATEGORY_VIRUS = 42,
    MP_THREAT_CATEGORY_KNOWN = 43,
    MP_THREAT_CATEGORY_UNKNOWN = 44,
    MP_THREAT_CATEGORY_SPP = 45,
    MP_THREAT_CATEGORY_BEHAVIOR = 46,
    MP_THREAT_CATEGORY_VULNERABILTIY = 47,
    MP_THREAT_CATEGORY_POLICY = 48
} MPTHREAT_CATEGORY, *PMPTHREAT_CATEGORY;

/* ---- Structures ----------------------------------------------------------------------------- */

/**
 * A resource. This library gives files, with the scheme "file" and their absolute path, in which what is
 * not UTF-8 is replaced. It takes files and folders, see MpScanStart.
 */
typedef struct tagMPRESOURCE_INFO {
    MP_MIDL_STRING LPWSTR Scheme;
    MP_MIDL_STRING LPWSTR Path;
    /** MP_RESOURCE_CLASS_CONCRETE where a threat was found in it, else 0. It is not read. */
    MPRESOURCE_CLASS Class;
} MPRESOURCE_INFO, *PMPRESOURCE_INFO;

/** How much was scanned. */
typedef struct tagMPRESOURCE_STATS {
    /** Progress in parts of a million, or MPPROGRESS_INVALID. It never falls, and a million means that
     * the scan is complete. */
    DWORD PPMProgress;
    /** Always 0: processes are not scanned. */
    UINT64 ProcessCount;
    /** Files whose content was scanned. */
    UINT64 FileCount;
    /** Bytes of these files. */
    UINT64 FileBytesCount;
    /** Always 0: there is no registry. */
    UINT64 RegKeyCount;
    UINT64 Reserved[4];
} MPRESOURCE_STATS, *PMPRESOURCE_STATS;

/** How many threats were found. */
typedef struct tagMPTHREAT_STATS {
    /** Each threat counts once, in however many files it was found. */
    UINT ThreatCount;
    /** Always 0: behavior is not monitored. */
    UINT SuspiciousThreatCount;
    UINT Reserved[4];
} MPTHREAT_STATS, *PMPTHREAT_STATS;

/** One component's version, and when it was last updated here. */
typedef struct tagMPCOMPONENT_VERSION {
    /** Four 16-bit numbers, major on top; 0 where the component is not there. */
    ULONGLONG Version;
    /** FILETIME: hundreds of nanoseconds since the beginning of 1601, UTC; 0 where it is not known. */
    ULARGE_INTEGER UpdateTime;
} MPCOMPONENT_VERSION, *PMPCOMPONENT_VERSION;

/** What MpManagerVersionQuery fills. */
typedef struct tagMPVERSION_INFO {
    /** This library. */
    MPCOMPONENT_VERSION Product;
    /** The service; this library again where none answers. */
    MPCOMPONENT_VERSION Service;
    /** Always 0: there is no file system filter. */
    MPCOMPONENT_VERSION FileSystemFilter;
    /** The service's engine, or that in this library. */
    MPCOMPONENT_VERSION Engine;
    /** The component "antispyware". */
    MPCOMPONENT_VERSION ASSignature;
    /** The component "antivirus". */
    MPCOMPONENT_VERSION AVSignature;
    /** Always 0: there is no engine for network inspection. */
    MPCOMPONENT_VERSION NISEngine;
    /** The component "nis". */
    MPCOMPONENT_VERSION NISSignature;
    MPCOMPONENT_VERSION Reserved[4];
} MPVERSION_INFO, *PMPVERSION_INFO;

/** A finished scan. All zeros where there was none. */
typedef struct tagMPSCAN_RESULT {
    MPSCAN_TYPE ScanType;
    MPSOURCE Source;
    GUID ScanGuid;
    ULARGE_INTEGER StartTime;
    ULARGE_INTEGER EndTime;
    MPTHREAT_STATS ThreatStats;
    MPRESOURCE_STATS ResourceStats;
    ULONGLONG SignatureVersion;
} MPSCAN_RESULT, *PMPSCAN_RESULT;

typedef struct tagMPTHREAT_STATS_DATA {
    DWORD dwThreatCount;
} MPTHREAT_STATS_DATA, *PMPTHREAT_STATS_DATA;

/** Whether a component is there and working. */
typedef struct tagMPCOMPONENT_STATUS {
    BOOL fEnable;
    /** S_OK, or an HRESULT of facility 0x50: ERROR_MP_NOENGINE, nothing is installed;
     * ERROR_MP_BAD_GLOBAL_STORAGE, the last verification found it damaged; ERROR_MP_NOT_SUPPORTED,
     * there is no such component here. */
    HRESULT hResult;
} MPCOMPONENT_STATUS, *PMPCOMPONENT_STATUS;

/** What MpManagerStatusQuery and MpManagerStatusQueryEx fill. */
typedef struct tagMPSTATUS_INFO {
    /** Bits of MPSTATUS_FLAG. */
    DWORD ProductStatus;
    MPSCAN_RESULT LastQuickScan;
    MPSCAN_RESULT LastFullScan;
    MPTHREAT_STATS ThreatStats;
    /** Threats by MPDETECTION_STATE. */
    MPTHREAT_STATS_DATA ThreatState[MP_THREAT_STAT_MAX_VALUE + 1];
    /** By MPCOMPONENT_ID. */
    MPCOMPONENT_STATUS Component[MPCOMPONENT_MAXVALUE + 1];
    /** Always 0: the product does not expire. */
    ULARGE_INTEGER ProductExpirationTime;
} MPSTATUS_INFO, *PMPSTATUS_INFO;

/** What is to be scanned. */
typedef struct tagMPSCAN_RESOURCES {
    /** 1 to 65536. */
    DWORD dwResourceCount;
    /** An array. */
    PMPRESOURCE_INFO pResourceList;
} MPSCAN_RESOURCES, *PMPSCAN_RESOURCES;

/** Data of a callback about a scan. */
typedef struct tagMPSCAN_DATA {
    MPSCAN_TYPE ScanType;
    /** The file that it is about. Never NULL; its texts are empty for what is about the whole scan. */
    PMPRESOURCE_INFO ResourceInfo;
    /** What has been scanned and found so far. */
    MPRESOURCE_STATS ResourceStats;
    MPTHREAT_STATS ThreatStats;
} MPSCAN_DATA, *PMPSCAN_DATA;

/** Data of a callback about an update. */
typedef struct tagMPSIGUPDATE_DATA {
    /** Estimate over all updates, 0 to 100; it never falls, and 100 means that all went well. */
    DWORD dwPercentComplete;
    /** Number of updates; 0 until it is known. */
    DWORD dwTotalUpdates;
    /** The current update, from 0. */
    DWORD dwCurrentUpdateIndex;
    MPSIGUPDATE_TYPE eType;
    MP_UPDATE_STAGE Stage;
    /** URL or folder of the source in use; empty, never NULL, before there is one. */
    MP_MIDL_STRING LPWSTR Path;
} MPSIGUPDATE_DATA, *PMPSIGUPDATE_DATA;

/* The next structures belong to callbacks that this library does not make. */

typedef struct tagMPSTATUS_DATAEX_UNUSED {
    DWORD dwNone;
} MPSTATUS_DATAEX_UNUSED, *PMPSTATUS_DATAEX_UNUSED;

typedef struct tagMPSTATUS_DATA {
    MPCOMPONENT_ID ComponentID;
    BOOL fEnable;
    union {
        PMPSTATUS_DATAEX_UNUSED p1;
        PMPSTATUS_DATAEX_UNUSED p2;
        PMPSTATUS_DATAEX_UNUSED p3;
        PMPSTATUS_DATAEX_UNUSED p4;
        PMPSTATUS_DATAEX_UNUSED p5;
        PMPSTATUS_DATAEX_UNUSED p6;
        PMPSTATUS_DATAEX_UNUSED p7;
        PMPSTATUS_DATAEX_UNUSED p8;
        PMPSTATUS_DATAEX_UNUSED p9;
        PMPSTATUS_DATAEX_UNUSED pa;
        PMPSTATUS_DATAEX_UNUSED pb;
    } ComponentStatus;
} MPSTATUS_DATA, *PMPSTATUS_DATA;

typedef struct tagMPCLEAN_DATA {
    MPTHREAT_ID ThreatID;
    MPTHREAT_ACTION ThreatAction;
    DWORD dwStatus;
    PMPRESOURCE_INFO ResourceInfo;
} MPCLEAN_DATA, *PMPCLEAN_DATA;

/* Microsoft's page has name and type of the second field the wrong way round. */
typedef struct tagMPCLEAN_PRECHECK_DATA {
    PMPRESOURCE_INFO BlockedResourceInfo;
    PMPRESOURCE_INFO BlockingResourceInfo;
} MPCLEAN_PRECHECK_DATA, *PMPCLEAN_PRECHECK_DATA;

typedef struct tagMPTHREAT_DATA {
    MPTHREAT_ID ThreatID;
    DWORD dwSessionID;
    MPTHREAT_ACTION ThreatAction;
    DWORD dwStatus;
} MPTHREAT_DATA, *PMPTHREAT_DATA;

typedef struct tagMPSAMPLE_DATA {
    DWORD dwSampleIndex;
} MPSAMPLE_DATA, *PMPSAMPLE_DATA;

typedef struct tagMPRESERVED_DATA {
    DWORD cbReservedData;
    BYTE *pbReservedData;
} MPRESERVED_DATA, *PMPRESERVED_DATA;

typedef struct tagMPCONFIGURATION_DATA {
    MP_MIDL_STRING LPWSTR ConfigurationName;
    DWORD DataType;
    DWORD PreviousDataSize;
    BYTE *pPreviousData;
    DWORD CurrentDataSize;
    BYTE *pCurrentData;
} MPCONFIGURATION_DATA, *PMPCONFIGURATION_DATA;

typedef struct tagMPFASTPATH_DATA {
    MP_SIGNATURE_TYPE SignatureType;
    MP_FASTPATH_TYPE FastPathSignatureType;
    MP_MIDL_STRING LPWSTR FastPathSignatureVersion;
    ULARGE_INTEGER CompilationTimestamp;
    MP_PERSISTENCE_LIMIT_TYPE PersistenceType;
    MP_MIDL_STRING LPWSTR PersistenceValue;
    MP_MIDL_STRING LPWSTR PersistencePath;
    MP_REMOVAL_REASON Reason;
} MPFASTPATH_DATA, *PMPFASTPATH_DATA;

typedef struct tagMPEXPIRATION_DATA {
    MP_EXPIRE_REASON Reason;
    MP_EXPIRE_STATE_REPORT State;
} MPEXPIRATION_DATA, *PMPEXPIRATION_DATA;

typedef struct tagMPNIS_PRIVATE_DATA {
    DWORD dwNotificationType;
    DWORD cbDataSize;
    BYTE *pbData;
} MPNIS_PRIVATE_DATA, *PMPNIS_PRIVATE_DATA;

typedef struct tagMPHEALTH_DATA {
    DWORD dwNotificationType;
    DWORD dwNotificationFlag;
} MPHEALTH_DATA, *PMPHEALTH_DATA;

typedef struct tagMPENDOFLIFE_DATA {
    FILETIME ftSignatureExpiry;
    FILETIME ftPlatformExpiry;
    BOOL fAdminControlled;
    BOOL fEndOfLifeImpendingOrPast;
} MPENDOFLIFE_DATA, *PMPENDOFLIFE_DATA;

typedef struct tagMPMALWARETOAST_DATA {
    DWORD dwThreatId;
    MP_MIDL_STRING LPWSTR pszThreatName;
} MPMALWARETOAST_DATA, *PMPMALWARETOAST_DATA;

/** What a callback is told. It lives until the callback returns. */
typedef struct tagMPCALLBACK_DATA {
    MPNOTIFY Notify;
    /** How what it tells of has gone; S_FALSE: well, and there was nothing to do. */
    HRESULT hResult;
    /** When: FILETIME. */
    ULARGE_INTEGER TimeStamp;
    /** Which of the pointers is good. */
    MPCALLBACK_TYPE Type;
    union {
        PMPSTATUS_DATA pStatusData;
        PMPSCAN_DATA pScanData;
        PMPCLEAN_DATA pCleanData;
        PMPCLEAN_PRECHECK_DATA pPrecheckData;
        PMPTHREAT_DATA pThreatData;
        PMPSIGUPDATE_DATA pSigUpdateData;
        PMPSAMPLE_DATA pSampleData;
        PMPRESERVED_DATA pReservedData;
        PMPCONFIGURATION_DATA pConfigurationData;
        PMPFASTPATH_DATA pFastPathData;
        PMPEXPIRATION_DATA pExpirationData;
        PMPNIS_PRIVATE_DATA pNISPrivateData;
        PMPHEALTH_DATA pHealthData;
        PMPENDOFLIFE_DATA pEndOfLifeData;
        PMPMALWARETOAST_DATA pMalwareToastData;
    } Data;
} MPCALLBACK_DATA, *PMPCALLBACK_DATA;

/**
 * A program's own function that is told what an operation does.
 *
 * It is called on a thread of the library, never twice at a time for one operation. It may call every
 * function of this header. What it returns is not looked at. It must not unwind: no C++ exception may
 * leave it.
 */
typedef HRESULT(WINAPI *PMPCALLBACK_HANDLER)(PVOID pContext, PMPCALLBACK_DATA pData);

/**
 * Whom to call. It is copied when the operation starts. Microsoft documents its name alone; the
 * layout, two pointers in this order, has been seen in public programs, the names of the fields are
 * ours.
 */
typedef struct tagMPCALLBACK_INFO {
    /** May be NULL: nobody is called. */
    PMPCALLBACK_HANDLER CallbackHandler;
    /** Handed to the function as it is. */
    PVOID pContext;
} MPCALLBACK_INFO, *PMPCALLBACK_INFO;

typedef struct tagMPTHREAT_INFOEX_UNUSED {
    DWORD dwNone;
} MPTHREAT_INFOEX_UNUSED, *PMPTHREAT_INFOEX_UNUSED;

typedef struct tagMPTHREAT_INFOEX_BEHAVIOR {
    ULARGE_INTEGER SignatureID;
    ULONGLONG EngineVersion;
    ULONGLONG ASDeltaSignatureVersion;
    ULONGLONG AVDeltaSignatureVersion;
    MP_HASH_TYPE HashType;
    DWORD FidelityValue;
    MP_MIDL_STRING LPWSTR HashValue;
    MP_MIDL_STRING LPWSTR TargetFileName;
    MP_MIDL_STRING LPWSTR TargetFileHash;
} MPTHREAT_INFOEX_BEHAVIOR, *PMPTHREAT_INFOEX_BEHAVIOR;

typedef struct tagMPTHREAT_INFOEX_NIS {
    MP_MIDL_STRING LPWSTR SourceIP;
    MP_MIDL_STRING LPWSTR DestinationIP;
    DWORD dwSourceport;
    DWORD dwDestinationport;
    MP_MIDL_STRING LPWSTR Protocol;
    MP_MIDL_STRING LPWSTR Link;
} MPTHREAT_INFOEX_NIS, *PMPTHREAT_INFOEX_NIS;

/**
 * A threat that was found. Definitions say no more of a threat than its name, so the type is always
 * MPTHREAT_TYPE_KNOWNBAD, the criticality MP_THREAT_SEVERITY_UNKNOWN, the category
 * MP_THREAT_CATEGORY_UNKNOWN and the detection MP_THREAT_DETECTION_CONCRETE. What no comment speaks of is
 * zero; text that is not known is empty, not NULL.
 */
typedef struct tagMPTHREAT_INFO {
    /** Made of the name: the first 31 bits of the SHA-256 of its UTF-8, and above them a bit that is set
     * where antivirus definitions found it. The same on every machine, at any time. */
    MPTHREAT_ID ThreatID;
    GUID DetectionID;
    MP_MIDL_STRING LPWSTR Name;
    MPTHREAT_TYPE ThreatType;
    MPTHREAT_SEVERITY ThreatCriticality;
    MPTHREAT_CATEGORY ThreatCategory;
    DWORD ThreatShortDescriptionID;
    DWORD ThreatAdviseDescriptionID;
    /** MP_THREAT_STATUS_DETECTED; nothing is ever done to a file. */
    MPTHREAT_STATUS ThreatStatus;
    DWORD SuggestedActionCount;
    MPTHREAT_ACTION SuggestedActionArray[MP_MAX_SUGGESTIONS];
    DWORD ResourceCount;
    /** An array of ResourceCount pointers: the files in which the scan found it. */
    PMPRESOURCE_INFO *ResourceList;
    /** When the scan found it first: FILETIME. */
    ULARGE_INTEGER ThreatStatusTime;
    HRESULT ThreatStatusCode;
    MPTHREAT_DETECTION ThreatDetection;
    GUID QuarantineGuid;
    MPEXECUTION_STATUS ExecutionStatus;
    /** By ThreatType; may be NULL. */
    union {
        PMPTHREAT_INFOEX_UNUSED pKnownBad;
        PMPTHREAT_INFOEX_BEHAVIOR pBehavior;
        PMPTHREAT_INFOEX_UNUSED pUnknown;
        PMPTHREAT_INFOEX_UNUSED pKnownGood;
        PMPTHREAT_INFOEX_NIS pNis;
    } Data;
    /** MPDETECTION_STATE_ACTIVE. */
    MPDETECTION_STATE State;
    MP_MIDL_STRING LPWSTR DetectionUser;
    /** MPSOURCE_USER. */
    MPSOURCE DetectionSource;
    MP_MIDL_STRING LPWSTR ProcessName;
    MPDETECTION_ORIGIN DetectionOrigin;
    DWORD reserved1;
    /** As ThreatStatusTime. */
    ULARGE_INTEGER DetectionTime;
    MPEXECUTION_STATUS PreExecutionStatus;
    ULARGE_INTEGER RemediationTime;
    MPEXECUTION_STATUS PostExecutionStatus;
    BOOL CriticalFailure;
    DWORD NonCriticalReason;
    MP_MIDL_STRING LPWSTR RemediationUser;
    DWORD RemediationResourceCount;
    /** An array of RemediationResourceCount pointers. */
    PMPRESOURCE_INFO *RemediationResourceList;
    BOOL FailureResolved;
    MPRESOLVED_REASON ResolvedReason;
    DWORD AdditionalActions;
    DWORD ResolvedActions;
    DWORD dwThreatStatusFlag;
} MPTHREAT_INFO, *PMPTHREAT_INFO;

/** A threat in words, in English. DefaultActionName and ThreatUrl are empty. */
typedef struct tagMPTHREAT_LOCALIZED_INFO {
    MPTHREAT_ID ThreatID;
    MP_MIDL_STRING LPWSTR CategoryName;
    MP_MIDL_STRING LPWSTR CategoryDescription;
    MP_MIDL_STRING LPWSTR SeverityName;
    MP_MIDL_STRING LPWSTR SeverityDescription;
    MP_MIDL_STRING LPWSTR ShortDescription;
    MP_MIDL_STRING LPWSTR DefaultActionName;
    MP_MIDL_STRING LPWSTR Advice;
    MP_MIDL_STRING LPWSTR ThreatUrl;
} MPTHREAT_LOCALIZED_INFO, *PMPTHREAT_LOCALIZED_INFO;

/* ---- Functions ------------------------------------------------------------------------------ */

/**
 * Opens the malware protection manager.
 *
 * It succeeds also where nothing is installed and where settings are wrong: what needs them says so.
 *
 * dwReserved   must be 0
 * phMpHandle   receives the handle, to be closed with MpHandleClose
 *
 * S_OK; E_POINTER; E_INVALIDARG: dwReserved is not 0.
 */
HRESULT WINAPI MpManagerOpen(DWORD dwReserved, PMPHANDLE phMpHandle);

/**
 * Closes a handle of any kind. Handles can be closed in any order, a manager's before those of its
 * operations, too.
 *
 * An operation that still runs goes on, a paused scan, too, and is no longer heard of: no callback starts
 * after this has returned. It waits for a callback that is running, except on the callback's own thread.
 *
 * S_OK; E_WIN_INVALID_HANDLE.
 */
HRESULT WINAPI MpHandleClose(MPHANDLE hMpHandle);

/**
 * Starts an update of the definitions: searches the configured sources in their order, downloads,
 * builds, tests, and switches to the new set in one step.
 *
 * Without MPUPDATE_OPTION_ASYNC it returns when the update has ended, with its result; with it, as
 * soon as the update has started, and the result comes with MPNOTIFY_SIGUPDATE_COMPLETE. In both cases
 * there is a handle from before the first callback until MpHandleClose.
 *
 * Callbacks have the type MPCALLBACK_SIGUPDATE. MPNOTIFY_SIGUPDATE_START is the first and
 * MPNOTIFY_SIGUPDATE_COMPLETE the last; each start of a search, a download or an installation is
 * followed by its end. MPNOTIFY_INTERNAL_FAILURE comes once when the update has failed, with the
 * specific error. Progress comes with MPUPDATE_OPTION_PROGRESS only; a slow callback gets fewer of
 * these and never slows the update.
 *
 * hMpHandle         a manager
 * dwUpdateOptions   MPUPDATE_OPTION_*: ASYNC and PROGRESS, and at most one kind of source. Without one,
 *                   all configured sources are used
 * pCallbackInfo     whom to tell, or NULL
 * phUpdateHandle    receives the handle; NULL if the function fails
 *
 * S_OK; S_FALSE: nothing was needed (synchronous only). Failures before it has started:
 * E_WIN_INVALID_HANDLE; E_POINTER; E_INVALIDARG: an unknown option or options that exclude each other;
 * ERROR_INSTALL_ALREADY_RUNNING: another update runs on the data folder, in this process or another; the
 * service has it joined or wait instead; E_MP_SERVICE_UNAVAILABLE;
 * WU_E_POLICY_NOT_SET: no source is configured; WU_E_UNKNOWN_SERVICE: none of the kind asked for;
 * WU_E_NOT_SUPPORTED: that kind is not part of this build; ERROR_MP_NOENGINE: the engine's worker
 * cannot be found. A synchronous update also returns what it failed with: the table of docs/mpclient.md.
 */
HRESULT WINAPI MpUpdateStart(MPHANDLE hMpHandle, DWORD dwUpdateOptions, PMPCALLBACK_INFO pCallbackInfo,
                             PMPHANDLE phUpdateHandle);

/**
 * Cancels an asynchronous update. It returns at once; the update ends with
 * MPNOTIFY_SIGUPDATE_COMPLETE and WU_E_CALL_CANCELLED, and nothing has changed then.
 *
 * hUpdateHandle   an asynchronous update
 * UpdateControl   MPCONTROL_ABORT
 *
 * S_OK; E_WIN_INVALID_HANDLE; E_INVALIDARG: another control, or a synchronous update;
 * ERROR_MP_ALREADY_SHUTDOWN: the update has ended; E_ACCESSDENIED: the source in use is managed or
 * unmanaged, or the service runs the update for others too, and the caller is no administrator;
 * E_MP_SERVICE_UNAVAILABLE: the service that ran it is gone.
 */
HRESULT WINAPI MpUpdateControl(MPHANDLE hUpdateHandle, MPCONTROL UpdateControl);

/**
 * Says in a sentence what a code means and what can be done. Every code has one: those of this
 * library and of the documentation their own, others the system's, and unknown ones say so.
 *
 * hMpHandle       a manager
 * hrError         the code
 * pwszErrorDesc   receives the text, to be freed with MpFreeMemory
 *
 * S_OK; E_WIN_INVALID_HANDLE; E_POINTER; E_OUTOFMEMORY.
 */
HRESULT WINAPI MpErrorMessageFormat(MPHANDLE hMpHandle, HRESULT hrError, LPWSTR *pwszErrorDesc);

/**
 * Frees what a function of this header gave out. NULL is allowed.
 */
void WINAPI MpFreeMemory(PVOID pMemory);

/**
 * Says which versions are in use.
 *
 * hMpHandle      a manager
 * pVersionInfo   is filled; all zeros if the function fails
 *
 * S_OK, also where nothing is installed; E_WIN_INVALID_HANDLE; E_POINTER;
 * ERROR_MP_BAD_CONFIGURATION; E_ACCESSDENIED or ERROR_MP_BAD_GLOBAL_STORAGE: the data folder cannot be
 * read; E_MP_SERVICE_UNAVAILABLE.
 */
HRESULT WINAPI MpManagerVersionQuery(MPHANDLE hMpHandle, PMPVERSION_INFO pVersionInfo);

/**
 * As MpManagerStatusQueryEx with MP_STATUS_QUERY_FLAGS_NONE, which programs should prefer.
 */
HRESULT WINAPI MpManagerStatusQuery(MPHANDLE hMpHandle, PMPSTATUS_INFO pStatusInfo);

/**
 * Says how the machine is protected. MP_STATUS_FLAG_SERVICE_UNAVAILABLE is set where the service must be
 * used and does not answer, and MP_STATUS_FLAG_HEALTH_INITIALIZED in every other answer;
 * MP_STATUS_FLAG_MPENGINE_UNAVAILABLE where no definitions are installed or the engine cannot use
 * them; MP_STATUS_FLAG_DUE_AV_SIGNATURE and MP_STATUS_FLAG_DUE_AS_SIGNATURE where those are too old, by
 * the publisher's signed date and the setting freshness.out_of_date_after, or where nothing at all is
 * installed and they are wanted.
 *
 * hMpHandle     a manager
 * dwFlag        MP_STATUS_QUERY_FLAG*
 * pStatusInfo   is filled; all zeros if the function fails
 *
 * S_OK; E_WIN_INVALID_HANDLE; E_POINTER; E_INVALIDARG: an unknown flag; ERROR_MP_BAD_CONFIGURATION;
 * E_ACCESSDENIED or ERROR_MP_BAD_GLOBAL_STORAGE: the data folder cannot be read.
 */
HRESULT WINAPI MpManagerStatusQueryEx(MPHANDLE hMpHandle, DWORD dwFlag, PMPSTATUS_INFO pStatusInfo);

/**
 * Scans files, and folders with all that is in them, with the installed definitions. It finds and does
 * nothing to what it finds.
 *
 * Without MPSCAN_OPTION_ASYNC it returns when the scan has ended, with its result; with it, as soon as
 * the scan has started, and the result comes with MPNOTIFY_SCAN_COMPLETE: S_OK, however much was found;
 * ERROR_MP_SCAN_ABORTED; or why the definitions could not be used. In both cases there is a handle from
 * before the first callback until MpHandleClose.
 *
 * Callbacks have the type MPCALLBACK_SCAN. MPNOTIFY_SCAN_START is the first and MPNOTIFY_SCAN_COMPLETE the
 * last. MPNOTIFY_SCAN_INFECTED comes once for each file in which something was found, and
 * MPNOTIFY_SCAN_ERROR once for each that could not be scanned, with the reason. MPNOTIFY_SCAN_PROGRESS
 * comes with MPSCAN_OPTION_PROGRESS only; a slow callback gets fewer of these and never slows the scan.
 * MPNOTIFY_SCAN_PAUSED and MPNOTIFY_SCAN_RESUMED answer MpScanControl; between them nothing is told.
 * MPNOTIFY_SCAN_CANCEL comes before the end of an aborted scan, MPNOTIFY_INTERNAL_FAILURE before that of
 * one that has failed, with the specific error.
 *
 * Links and what is neither a file nor a folder are left alone, unless named: a named link is followed.
 *
 * hMpHandle        a manager
 * ScanType         MPSCAN_TYPE_RESOURCE
 * dwScanOptions    MPSCAN_OPTION_*
 * pScanResources   what to scan: at least one file or folder. The scheme is "file" or "dir", empty or NULL,
 *                  and the path decides which of them it is; a path that is not absolute begins in the
 *                  current folder. It is read before this returns
 * pCallbackInfo    whom to tell, or NULL
 * phScanHandle     receives the handle; NULL if the function fails
 *
 * S_OK. Failures before it has started: E_WIN_INVALID_HANDLE; E_POINTER: no resources, no path or no place
 * for the handle; E_INVALIDARG: another type, an unknown option, a number of resources that cannot be, an
 * empty path, or text that is not UTF-16; ERROR_MP_NOT_SUPPORTED: a quick or a full scan, another scheme,
 * or a path to neither a file nor a folder; ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND, E_ACCESSDENIED,
 * ERROR_FILENAME_EXCED_RANGE and others: a named file or folder cannot be read; ERROR_MP_NOENGINE: no
 * definitions are installed, or another version of Booster has built them;
 * ERROR_MP_BAD_GLOBAL_STORAGE: those installed are damaged. A synchronous scan also returns what it failed
 * with.
 */
HRESULT WINAPI MpScanStart(MPHANDLE hMpHandle, MPSCAN_TYPE ScanType, DWORD dwScanOptions,
                           PMPSCAN_RESOURCES pScanResources, PMPCALLBACK_INFO pCallbackInfo,
                           PMPHANDLE phScanHandle);

/**
 * Aborts, pauses or resumes an asynchronous scan. It returns at once, and takes effect after the files
 * that are being looked at. A paused scan waits until it is resumed, aborted or closed; what it has found
 * in a file by then is told when it goes on or ends. Pausing a paused scan and resuming one that runs changes
 * nothing.
 *
 * hScanHandle   an asynchronous scan. A manager would mean the scan of the system: there is none
 * ScanControl   MPCONTROL_ABORT, MPCONTROL_PAUSE or MPCONTROL_RESUME
 *
 * S_OK; E_WIN_INVALID_HANDLE; E_INVALIDARG: another control, or a synchronous scan;
 * ERROR_MP_ALREADY_SHUTDOWN: the scan has ended, or, for pausing and resuming, is being aborted;
 * ERROR_MP_NOT_SUPPORTED: a manager.
 */
HRESULT WINAPI MpScanControl(MPHANDLE hScanHandle, MPCONTROL ScanControl);

/**
 * Opens a list of the threats that a scan has found so far: all of them, when it has ended. The list stays
 * as it is, whatever the scan goes on to find, and when the scan is closed.
 *
 * hScanHandle          a scan
 * ThreatSource         MPTHREAT_SOURCE_SCAN
 * ThreatType           which threats. All that are found are MPTHREAT_TYPE_KNOWNBAD; a list of another
 *                      type is empty
 * phThreatEnumHandle   receives the handle, to be closed with MpHandleClose; NULL if the function fails
 *
 * S_OK; E_WIN_INVALID_HANDLE: also a manager with MPTHREAT_SOURCE_SCAN; E_POINTER; E_INVALIDARG: what is
 * no source or no type; ERROR_MP_NOT_SUPPORTED: another source, with a scan or a manager. No history of
 * threats is kept, nothing is put into quarantine, and definitions do not list what they can find.
 */
HRESULT WINAPI MpThreatOpen(MPHANDLE hScanHandle, MPTHREAT_SOURCE ThreatSource, MPTHREAT_TYPE ThreatType,
                            PMPHANDLE phThreatEnumHandle);

/**
 * Gives the next threat of a list, each once, in the order in which they were found first.
 *
 * hThreatEnumHandle   a list of threats
 * ppThreatInfo        receives the threat, to be freed with one MpFreeMemory; NULL at the end, and if the
 *                     function fails
 *
 * S_OK; S_FALSE: there are no more; E_WIN_INVALID_HANDLE; E_POINTER; E_OUTOFMEMORY.
 */
HRESULT WINAPI MpThreatEnumerate(MPHANDLE hThreatEnumHandle, PMPTHREAT_INFO *ppThreatInfo);

/**
 * Gives what is known of a threat, and the same in words where that is asked for.
 *
 * A manager tells what is the same wherever a threat was found, of those that are in a scan or a list
 * which this process has open: no resources, no times, and MP_THREAT_STATUS_UNKNOWN. A scan or a list
 * tells what MpThreatEnumerate would.
 *
 * hMpHandle               a manager; ours: or a scan, or a list of threats
 * ThreatID                from MPTHREAT_INFO
 * ppThreatInfo            receives the threat
 * ppThreatLocalizedInfo   receives it in words; NULL if that is not wanted
 *
 * Each is freed with one MpFreeMemory, and NULL if the function fails.
 *
 * S_OK; E_WIN_INVALID_HANDLE; E_POINTER; E_OUTOFMEMORY; ERROR_MP_THREAT_NOT_FOUND.
 */
HRESULT WINAPI MpThreatQuery(MPHANDLE hMpHandle, MPTHREAT_ID ThreatID, PMPTHREAT_INFO *ppThreatInfo,
                             PMPTHREAT_LOCALIZED_INFO *ppThreatLocalizedInfo);

/* ---- Codes ---------------------------------------------------------------------------------- */

/**
 * Makes the HRESULT of a status of malware protection: facility 0x50. A status that has the facility
 * already stays as it is.
 */
#ifndef HRESULT_FROM_MP_STATUS
#define HRESULT_FROM_MP_STATUS(x) ((HRESULT)(((DWORD)(x) & 0xFFFFu) | 0x80500000u))
#endif

/* Statuses of malware protection, for HRESULT_FROM_MP_STATUS. Documented, except 0x1002 to 0x1108,
 * 0x8030 and 0x8031, which are seen. */
#define ERROR_MP_UI_CONSOLIDATION_BASE 0x1000
#define ERROR_MP_ACTIONS_FAILED 0x1001
#define ERROR_MP_NOENGINE 0x1002
#define ERROR_MP_ACTIVE_THREATS 0x1003
#define ERROR_MP_NO_INTERNET_CONN 0x1004
#define ERROR_MP_LUA_CANCELLATION 0x1101
#define ERROR_MP_ALREADY_SHUTDOWN 0x1102
#define ERROR_MP_RDEVICE_S_ASYNC_CALL_PENDING 0x1103
#define ERROR_MP_CANCELLED 0x1104
#define ERROR_MP_NO_TARGETOS 0x1105
#define ERROR_MP_BAD_REGEXP 0x1106
#define ERROR_MP_TEST_INDUCED_ERROR 0x1107
#define ERROR_MP_SIG_BACKUP_DISABLED 0x1108
#define ERROR_MP_BAD_INIT_MODULES 0x8001
#define ERROR_MP_BAD_DATABASE 0x8002
#define ERROR_MP_BAD_UFS 0x8004
#define ERROR_MP_NO_MEMORY 0x8007
#define ERROR_MP_BAD_INPUT_DATA 0x800C
#define ERROR_MP_BAD_GLOBAL_STORAGE 0x800D
#define ERROR_MP_OBSOLETE 0x800E
#define ERROR_MP_NOT_SUPPORTED 0x800F
#define ERROR_MP_NO_MORE_ITEMS 0x8010
#define ERROR_MP_DUPLICATE_SCANID 0x8011
#define ERROR_MP_BAD_SCANID 0x8012
#define ERROR_MP_BAD_USERDB_VERSION 0x8013
#define ERROR_MP_RESTORE_FAILED 0x8014
#define ERROR_MP_FAILED_TO_SPYNET 0x8015
#define ERROR_MP_BAD_ACTION 0x8016
#define ERROR_MP_REMOVE_FAILED 0x8017
#define ERROR_MP_SCAN_ABORTED 0x8018
#define ERROR_MP_NOT_FOUND 0x8019
#define ERROR_MP_BAD_CONFIGURATION 0x8020
#define ERROR_MP_QUARANTINE_FAILED 0x8021
#define ERROR_MP_REBOOT_REQUIRED 0x8022
#define ERROR_MP_THREAT_NOT_FOUND 0x8023
#define ERROR_MP_FULL_SCAN_REQUIRED 0x8024
#define ERROR_MP_MANUAL_STEPS_REQUIRED 0x8025
#define ERROR_MP_REMOVE_NOT_SUPPORTED 0x8026
#define ERROR_MP_REMOVE_LOW_MEDIUM_DISABLED 0x8027
#define ERROR_MP_RESCAN_REQUIRED 0x8029
#define ERROR_MP_CALLISTO_REQUIRED 0x8030
#define ERROR_MP_PLATFORM_OUTDATED 0x8031
#define ERROR_MP_RELO_BAD_EHANDLE 0x9001
#define ERROR_MP_RELO_KERNEL_NOT_LOADED 0x9003
#define ERROR_MP_BADDB_OPEN 0xA001
#define ERROR_MP_BADDB_HEADER 0xA002
#define ERROR_MP_BADDB_OLDENGINE 0xA003
#define ERROR_MP_BADDB_CONTENT 0xA004
#define ERROR_MP_BADDB_NOTSIGNED 0xA005

/* Microsoft documents the name; the value is taken from ERROR_INVALID_HANDLE. */
#define E_WIN_INVALID_HANDLE ((HRESULT)0x80070006u)
/* The service does not answer. Seen in public; the name is ours. */
#define E_MP_SERVICE_UNAVAILABLE ((HRESULT)0x800106BAu)

/* Codes of the Windows Update Agent that updates return; documented. */
#ifndef WU_E_NO_SERVICE
#define WU_S_REBOOT_REQUIRED ((HRESULT)0x00240005u)
#define WU_S_ALREADY_INSTALLED ((HRESULT)0x00240006u)
#define WU_E_NO_SERVICE ((HRESULT)0x80240001u)
#define WU_E_ITEMNOTFOUND ((HRESULT)0x80240008u)
#define WU_E_OPERATIONINPROGRESS ((HRESULT)0x80240009u)
#define WU_E_COULDNOTCANCEL ((HRESULT)0x8024000Au)
#define WU_E_CALL_CANCELLED ((HRESULT)0x8024000Bu)
#define WU_E_NOOP ((HRESULT)0x8024000Cu)
#define WU_E_INSTALL_NOT_ALLOWED ((HRESULT)0x80240016u)
#define WU_E_NOT_APPLICABLE ((HRESULT)0x80240017u)
#define WU_E_POLICY_NOT_SET ((HRESULT)0x8024001Au)
#define WU_E_SELFUPDATE_IN_PROGRESS ((HRESULT)0x8024001Bu)
#define WU_E_SERVICE_STOP ((HRESULT)0x8024001Eu)
#define WU_E_NO_CONNECTION ((HRESULT)0x8024001Fu)
#define WU_E_TIME_OUT ((HRESULT)0x80240021u)
#define WU_E_ALL_UPDATES_FAILED ((HRESULT)0x80240022u)
#define WU_E_NO_UPDATE ((HRESULT)0x80240024u)
#define WU_E_BIN_SOURCE_ABSENT ((HRESULT)0x8024002Cu)
#define WU_E_WU_DISABLED ((HRESULT)0x8024002Eu)
#define WU_E_CALL_CANCELLED_BY_POLICY ((HRESULT)0x8024002Fu)
#define WU_E_INVALID_PROXY_SERVER ((HRESULT)0x80240030u)
#define WU_E_DOWNLOAD_FAILED ((HRESULT)0x80240034u)
#define WU_E_NOT_SUPPORTED ((HRESULT)0x80240037u)
#define WU_E_WINHTTP_INVALID_FILE ((HRESULT)0x80240038u)
#define WU_E_UNKNOWN_SERVICE ((HRESULT)0x80240042u)
#define WU_E_UNEXPECTED ((HRESULT)0x80240FFFu)
#define WU_E_PT_SOAPCLIENT_SOAPFAULT ((HRESULT)0x80244007u)
#define WU_E_PT_SOAPCLIENT_PARSE ((HRESULT)0x8024400Au)
#define WU_E_PT_HTTP_STATUS_BAD_REQUEST ((HRESULT)0x80244016u)
#define WU_E_PT_HTTP_STATUS_DENIED ((HRESULT)0x80244017u)
#define WU_E_PT_HTTP_STATUS_FORBIDDEN ((HRESULT)0x80244018u)
#define WU_E_PT_HTTP_STATUS_NOT_FOUND ((HRESULT)0x80244019u)
#define WU_E_PT_HTTP_STATUS_BAD_METHOD ((HRESULT)0x8024401Au)
#define WU_E_PT_HTTP_STATUS_PROXY_AUTH_REQ ((HRESULT)0x8024401Bu)
#define WU_E_PT_HTTP_STATUS_REQUEST_TIMEOUT ((HRESULT)0x8024401Cu)
#define WU_E_PT_HTTP_STATUS_CONFLICT ((HRESULT)0x8024401Du)
#define WU_E_PT_HTTP_STATUS_GONE ((HRESULT)0x8024401Eu)
#define WU_E_PT_HTTP_STATUS_SERVER_ERROR ((HRESULT)0x8024401Fu)
#define WU_E_PT_HTTP_STATUS_NOT_SUPPORTED ((HRESULT)0x80244020u)
#define WU_E_PT_HTTP_STATUS_BAD_GATEWAY ((HRESULT)0x80244021u)
#define WU_E_PT_HTTP_STATUS_SERVICE_UNAVAIL ((HRESULT)0x80244022u)
#define WU_E_PT_HTTP_STATUS_GATEWAY_TIMEOUT ((HRESULT)0x80244023u)
#define WU_E_PT_HTTP_STATUS_VERSION_NOT_SUP ((HRESULT)0x80244024u)
#define WU_E_PT_HTTP_STATUS_NOT_MAPPED ((HRESULT)0x8024402Bu)
#define WU_E_PT_WINHTTP_NAME_NOT_RESOLVED ((HRESULT)0x8024402Cu)
#define WU_E_DM_DOWNLOADLIMITEDBYUPDATESIZE ((HRESULT)0x8024600Cu)
#endif

#if !defined(_WIN32) && !defined(MPCLIENT_NO_WINDOWS_TYPES)

/* Codes that every interface of this kind shares; documented. */
#define S_OK ((HRESULT)0x00000000u)
#define S_FALSE ((HRESULT)0x00000001u)
#define E_NOTIMPL ((HRESULT)0x80004001u)
#define E_POINTER ((HRESULT)0x80004003u)
#define E_ABORT ((HRESULT)0x80004004u)
#define E_FAIL ((HRESULT)0x80004005u)
#define E_PENDING ((HRESULT)0x8000000Au)
#define E_ILLEGAL_METHOD_CALL ((HRESULT)0x8000000Eu)
#define E_UNEXPECTED ((HRESULT)0x8000FFFFu)
#define E_ACCESSDENIED ((HRESULT)0x80070005u)
#define E_OUTOFMEMORY ((HRESULT)0x8007000Eu)
#define E_INVALIDARG ((HRESULT)0x80070057u)
#define SEC_E_MESSAGE_ALTERED ((HRESULT)0x8009030Fu)
#define SEC_E_TIME_SKEW ((HRESULT)0x80090324u)
#define SEC_E_ALGORITHM_MISMATCH ((HRESULT)0x80090331u)
#define TRUST_E_SUBJECT_NOT_TRUSTED ((HRESULT)0x800B0004u)
#define CERT_E_EXPIRED ((HRESULT)0x800B0101u)
#define CERT_E_UNTRUSTEDROOT ((HRESULT)0x800B0109u)

/* Win32 errors, for HRESULT_FROM_WIN32; documented. */
#define ERROR_FILE_NOT_FOUND 2
#define ERROR_PATH_NOT_FOUND 3
#define ERROR_TOO_MANY_OPEN_FILES 4
#define ERROR_INVALID_DATA 13
#define ERROR_WRITE_PROTECT 19
#define ERROR_SHARING_VIOLATION 32
#define ERROR_BAD_NETPATH 53
#define ERROR_NETNAME_DELETED 64
#define ERROR_BAD_NET_NAME 67
#define ERROR_FILE_EXISTS 80
#define ERROR_BROKEN_PIPE 109
#define ERROR_DISK_FULL 112
#define ERROR_SEM_TIMEOUT 121
#define ERROR_PROC_NOT_FOUND 127
#define ERROR_BAD_PATHNAME 161
#define ERROR_FILENAME_EXCED_RANGE 206
#define ERROR_FILE_TOO_LARGE 223
#define ERROR_PROCESS_ABORTED 1067
#define ERROR_IO_DEVICE 1117
#define ERROR_NOT_FOUND 1168
#define ERROR_CANCELLED 1223
#define ERROR_HOST_DOWN 1256
#define ERROR_REVISION_MISMATCH 1306
#define ERROR_LOGON_FAILURE 1326
#define ERROR_FILE_CORRUPT 1392
#define ERROR_TIMEOUT 1460
#define ERROR_INSTALL_FAILURE 1603
#define ERROR_INSTALL_ALREADY_RUNNING 1618
#define ERROR_PRODUCT_VERSION 1638
#define ERROR_UNKNOWN_PATCH 1647
#define ERROR_PATCH_NO_SEQUENCE 1648
#define ERROR_NOT_ENOUGH_QUOTA 1816
#define ERROR_WINHTTP_TIMEOUT 12002
#define ERROR_WINHTTP_NAME_NOT_RESOLVED 12007
#define ERROR_WINHTTP_CANNOT_CONNECT 12029
#define ERROR_WINHTTP_CONNECTION_ERROR 12030
#define ERROR_WINHTTP_INVALID_SERVER_RESPONSE 12152
#define ERROR_WINHTTP_REDIRECT_FAILED 12156
#define ERROR_WINHTTP_SECURE_FAILURE 12175
#define RPC_S_SERVER_UNAVAILABLE 1722

#endif

/* ---- Layouts, the same as the library's ------------------------------------------------------ */

#define MPCLIENT_SIZE(type, size) MPCLIENT_STATIC_ASSERT(sizeof(type) == (size), "size of " #type)
#define MPCLIENT_FIELD(type, field, at) \
    MPCLIENT_STATIC_ASSERT(offsetof(type, field) == (at), "place of " #type "." #field)

MPCLIENT_SIZE(ULARGE_INTEGER, 8);
MPCLIENT_FIELD(ULARGE_INTEGER, QuadPart, 0);
MPCLIENT_SIZE(GUID, 16);
MPCLIENT_FIELD(GUID, Data4, 8);
MPCLIENT_SIZE(MPCALLBACK_INFO, 16);
MPCLIENT_FIELD(MPCALLBACK_INFO, CallbackHandler, 0);
MPCLIENT_FIELD(MPCALLBACK_INFO, pContext, 8);
MPCLIENT_SIZE(MPCALLBACK_DATA, 32);
MPCLIENT_FIELD(MPCALLBACK_DATA, Notify, 0);
MPCLIENT_FIELD(MPCALLBACK_DATA, hResult, 4);
MPCLIENT_FIELD(MPCALLBACK_DATA, TimeStamp, 8);
MPCLIENT_FIELD(MPCALLBACK_DATA, Type, 16);
MPCLIENT_FIELD(MPCALLBACK_DATA, Data, 24);
MPCLIENT_SIZE(MPSIGUPDATE_DATA, 32);
MPCLIENT_FIELD(MPSIGUPDATE_DATA, dwPercentComplete, 0);
MPCLIENT_FIELD(MPSIGUPDATE_DATA, dwTotalUpdates, 4);
MPCLIENT_FIELD(MPSIGUPDATE_DATA, dwCurrentUpdateIndex, 8);
MPCLIENT_FIELD(MPSIGUPDATE_DATA, eType, 12);
MPCLIENT_FIELD(MPSIGUPDATE_DATA, Stage, 16);
MPCLIENT_FIELD(MPSIGUPDATE_DATA, Path, 24);
MPCLIENT_SIZE(MPCOMPONENT_VERSION, 16);
MPCLIENT_FIELD(MPCOMPONENT_VERSION, Version, 0);
MPCLIENT_FIELD(MPCOMPONENT_VERSION, UpdateTime, 8);
MPCLIENT_SIZE(MPVERSION_INFO, 192);
MPCLIENT_FIELD(MPVERSION_INFO, Product, 0);
MPCLIENT_FIELD(MPVERSION_INFO, Service, 16);
MPCLIENT_FIELD(MPVERSION_INFO, FileSystemFilter, 32);
MPCLIENT_FIELD(MPVERSION_INFO, Engine, 48);
MPCLIENT_FIELD(MPVERSION_INFO, ASSignature, 64);
MPCLIENT_FIELD(MPVERSION_INFO, AVSignature, 80);
MPCLIENT_FIELD(MPVERSION_INFO, NISEngine, 96);
MPCLIENT_FIELD(MPVERSION_INFO, NISSignature, 112);
MPCLIENT_FIELD(MPVERSION_INFO, Reserved, 128);
MPCLIENT_SIZE(MPTHREAT_STATS, 24);
MPCLIENT_FIELD(MPTHREAT_STATS, ThreatCount, 0);
MPCLIENT_FIELD(MPTHREAT_STATS, SuspiciousThreatCount, 4);
MPCLIENT_FIELD(MPTHREAT_STATS, Reserved, 8);
MPCLIENT_SIZE(MPRESOURCE_STATS, 72);
MPCLIENT_FIELD(MPRESOURCE_STATS, PPMProgress, 0);
MPCLIENT_FIELD(MPRESOURCE_STATS, ProcessCount, 8);
MPCLIENT_FIELD(MPRESOURCE_STATS, FileCount, 16);
MPCLIENT_FIELD(MPRESOURCE_STATS, FileBytesCount, 24);
MPCLIENT_FIELD(MPRESOURCE_STATS, RegKeyCount, 32);
MPCLIENT_FIELD(MPRESOURCE_STATS, Reserved, 40);
MPCLIENT_SIZE(MPSCAN_RESULT, 144);
MPCLIENT_FIELD(MPSCAN_RESULT, ScanType, 0);
MPCLIENT_FIELD(MPSCAN_RESULT, Source, 4);
MPCLIENT_FIELD(MPSCAN_RESULT, ScanGuid, 8);
MPCLIENT_FIELD(MPSCAN_RESULT, StartTime, 24);
MPCLIENT_FIELD(MPSCAN_RESULT, EndTime, 32);
MPCLIENT_FIELD(MPSCAN_RESULT, ThreatStats, 40);
MPCLIENT_FIELD(MPSCAN_RESULT, ResourceStats, 64);
MPCLIENT_FIELD(MPSCAN_RESULT, SignatureVersion, 136);
MPCLIENT_SIZE(MPRESOURCE_INFO, 24);
MPCLIENT_FIELD(MPRESOURCE_INFO, Scheme, 0);
MPCLIENT_FIELD(MPRESOURCE_INFO, Path, 8);
MPCLIENT_FIELD(MPRESOURCE_INFO, Class, 16);
MPCLIENT_SIZE(MPSCAN_RESOURCES, 16);
MPCLIENT_FIELD(MPSCAN_RESOURCES, dwResourceCount, 0);
MPCLIENT_FIELD(MPSCAN_RESOURCES, pResourceList, 8);
MPCLIENT_SIZE(MPSCAN_DATA, 112);
MPCLIENT_FIELD(MPSCAN_DATA, ScanType, 0);
MPCLIENT_FIELD(MPSCAN_DATA, ResourceInfo, 8);
MPCLIENT_FIELD(MPSCAN_DATA, ResourceStats, 16);
MPCLIENT_FIELD(MPSCAN_DATA, ThreatStats, 88);
MPCLIENT_SIZE(MPTHREAT_STATS_DATA, 4);
MPCLIENT_FIELD(MPTHREAT_STATS_DATA, dwThreatCount, 0);
MPCLIENT_SIZE(MPCOMPONENT_STATUS, 8);
MPCLIENT_FIELD(MPCOMPONENT_STATUS, fEnable, 0);
MPCLIENT_FIELD(MPCOMPONENT_STATUS, hResult, 4);
MPCLIENT_SIZE(MPSTATUS_INFO, 448);
MPCLIENT_FIELD(MPSTATUS_INFO, ProductStatus, 0);
MPCLIENT_FIELD(MPSTATUS_INFO, LastQuickScan, 8);
MPCLIENT_FIELD(MPSTATUS_INFO, LastFullScan, 152);
MPCLIENT_FIELD(MPSTATUS_INFO, ThreatStats, 296);
MPCLIENT_FIELD(MPSTATUS_INFO, ThreatState, 320);
MPCLIENT_FIELD(MPSTATUS_INFO, Component, 348);
MPCLIENT_FIELD(MPSTATUS_INFO, ProductExpirationTime, 440);
MPCLIENT_SIZE(MPTHREAT_INFO, 280);
MPCLIENT_FIELD(MPTHREAT_INFO, ThreatID, 0);
MPCLIENT_FIELD(MPTHREAT_INFO, DetectionID, 4);
MPCLIENT_FIELD(MPTHREAT_INFO, Name, 24);
MPCLIENT_FIELD(MPTHREAT_INFO, ThreatType, 32);
MPCLIENT_FIELD(MPTHREAT_INFO, ThreatCriticality, 36);
MPCLIENT_FIELD(MPTHREAT_INFO, ThreatCategory, 40);
MPCLIENT_FIELD(MPTHREAT_INFO, ThreatShortDescriptionID, 44);
MPCLIENT_FIELD(MPTHREAT_INFO, ThreatAdviseDescriptionID, 48);
MPCLIENT_FIELD(MPTHREAT_INFO, ThreatStatus, 52);
MPCLIENT_FIELD(MPTHREAT_INFO, SuggestedActionCount, 56);
MPCLIENT_FIELD(MPTHREAT_INFO, SuggestedActionArray, 60);
MPCLIENT_FIELD(MPTHREAT_INFO, ResourceCount, 92);
MPCLIENT_FIELD(MPTHREAT_INFO, ResourceList, 96);
MPCLIENT_FIELD(MPTHREAT_INFO, ThreatStatusTime, 104);
MPCLIENT_FIELD(MPTHREAT_INFO, ThreatStatusCode, 112);
MPCLIENT_FIELD(MPTHREAT_INFO, ThreatDetection, 116);
MPCLIENT_FIELD(MPTHREAT_INFO, QuarantineGuid, 120);
MPCLIENT_FIELD(MPTHREAT_INFO, ExecutionStatus, 136);
MPCLIENT_FIELD(MPTHREAT_INFO, Data, 144);
MPCLIENT_FIELD(MPTHREAT_INFO, State, 152);
MPCLIENT_FIELD(MPTHREAT_INFO, DetectionUser, 160);
MPCLIENT_FIELD(MPTHREAT_INFO, DetectionSource, 168);
MPCLIENT_FIELD(MPTHREAT_INFO, ProcessName, 176);
MPCLIENT_FIELD(MPTHREAT_INFO, DetectionOrigin, 184);
MPCLIENT_FIELD(MPTHREAT_INFO, reserved1, 188);
MPCLIENT_FIELD(MPTHREAT_INFO, DetectionTime, 192);
MPCLIENT_FIELD(MPTHREAT_INFO, PreExecutionStatus, 200);
MPCLIENT_FIELD(MPTHREAT_INFO, RemediationTime, 208);
MPCLIENT_FIELD(MPTHREAT_INFO, PostExecutionStatus, 216);
MPCLIENT_FIELD(MPTHREAT_INFO, CriticalFailure, 220);
MPCLIENT_FIELD(MPTHREAT_INFO, NonCriticalReason, 224);
MPCLIENT_FIELD(MPTHREAT_INFO, RemediationUser, 232);
MPCLIENT_FIELD(MPTHREAT_INFO, RemediationResourceCount, 240);
MPCLIENT_FIELD(MPTHREAT_INFO, RemediationResourceList, 248);
MPCLIENT_FIELD(MPTHREAT_INFO, FailureResolved, 256);
MPCLIENT_FIELD(MPTHREAT_INFO, ResolvedReason, 260);
MPCLIENT_FIELD(MPTHREAT_INFO, AdditionalActions, 264);
MPCLIENT_FIELD(MPTHREAT_INFO, ResolvedActions, 268);
MPCLIENT_FIELD(MPTHREAT_INFO, dwThreatStatusFlag, 272);
MPCLIENT_SIZE(MPTHREAT_LOCALIZED_INFO, 72);
MPCLIENT_FIELD(MPTHREAT_LOCALIZED_INFO, ThreatID, 0);
MPCLIENT_FIELD(MPTHREAT_LOCALIZED_INFO, CategoryName, 8);
MPCLIENT_FIELD(MPTHREAT_LOCALIZED_INFO, ThreatUrl, 64);

#undef MPCLIENT_SIZE
#undef MPCLIENT_FIELD
#ifdef __cplusplus
}
#endif

#endif /* MPCLIENT_H */
