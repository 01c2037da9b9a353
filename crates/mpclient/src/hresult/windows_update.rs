//! WU_S_* and WU_E_*: the codes of the Windows Update Agent that a definition update can return.
//!
//! Values: Microsoft's "WUA success and error codes" and "WUA networking error codes" pages.

super::codes! { CODES:
    WU_S_REBOOT_REQUIRED = 0x0024_0005, "The update is installed; restart the machine to complete it.";
    WU_S_ALREADY_INSTALLED = 0x0024_0006, "The update is already installed.";
    WU_E_NO_SERVICE = 0x8024_0001, "The update service cannot be used.";
    WU_E_ITEMNOTFOUND = 0x8024_0008, "The source does not have a file that it must have: its copy is not complete, or it is no definition repository.";
    WU_E_OPERATIONINPROGRESS = 0x8024_0009, "Another operation is in progress that excludes this one.";
    WU_E_COULDNOTCANCEL = 0x8024_000A, "The operation cannot be cancelled.";
    WU_E_CALL_CANCELLED = 0x8024_000B, "The operation was cancelled; nothing was changed.";
    WU_E_NOOP = 0x8024_000C, "Nothing had to be done.";
    WU_E_INSTALL_NOT_ALLOWED = 0x8024_0016, "Another installation is running, or a restart of the machine is pending.";
    WU_E_NOT_APPLICABLE = 0x8024_0017, "No update applies to this machine.";
    WU_E_POLICY_NOT_SET = 0x8024_001A, "No source of definitions is configured: name one under \"sources\" in booster.toml, or in BOOSTER_SOURCES.";
    WU_E_SELFUPDATE_IN_PROGRESS = 0x8024_001B, "The update agent is updating itself.";
    WU_E_SERVICE_STOP = 0x8024_001E, "The operation ended because the service or the machine is shutting down.";
    WU_E_NO_CONNECTION = 0x8024_001F, "The source cannot be reached: check the network, the address and the proxy.";
    WU_E_TIME_OUT = 0x8024_0021, "The source sent too slowly and was given up.";
    WU_E_ALL_UPDATES_FAILED = 0x8024_0022, "All of the updates failed.";
    WU_E_NO_UPDATE = 0x8024_0024, "There are no updates.";
    WU_E_BIN_SOURCE_ABSENT = 0x8024_002C, "A patch could not be used because what it builds upon is absent.";
    WU_E_WU_DISABLED = 0x8024_002E, "The public update service may not be used on this machine.";
    WU_E_CALL_CANCELLED_BY_POLICY = 0x8024_002F, "A policy forbids the operation.";
    WU_E_INVALID_PROXY_SERVER = 0x8024_0030, "The address of the proxy is not valid: use an http or https URL, or \"none\".";
    WU_E_DOWNLOAD_FAILED = 0x8024_0034, "The download ended before the file was complete.";
    WU_E_NOT_SUPPORTED = 0x8024_0037, "Sources of this kind are not part of this build.";
    WU_E_WINHTTP_INVALID_FILE = 0x8024_0038, "A web page came instead of the file: a login page or a proxy may answer in the server's place.";
    WU_E_UNKNOWN_SERVICE = 0x8024_0042, "No source of the kind that was asked for is configured.";
    WU_E_UNEXPECTED = 0x8024_0FFF, "The update failed for a reason that has no code of its own.";
    WU_E_PT_SOAPCLIENT_SOAPFAULT = 0x8024_4007, "The update server refused a call: its log says more.";
    WU_E_PT_SOAPCLIENT_PARSE = 0x8024_400A, "What the update server answered cannot be understood: check that this is an update server's address.";
    WU_E_PT_HTTP_STATUS_BAD_REQUEST = 0x8024_4016, "The server did not understand the request (HTTP status 400).";
    WU_E_PT_HTTP_STATUS_DENIED = 0x8024_4017, "The server asks for credentials, or for others (HTTP status 401): set user and password under [http].";
    WU_E_PT_HTTP_STATUS_FORBIDDEN = 0x8024_4018, "The server refuses access (HTTP status 403).";
    WU_E_PT_HTTP_STATUS_NOT_FOUND = 0x8024_4019, "The server does not have the file (HTTP status 404): check the source's address.";
    WU_E_PT_HTTP_STATUS_BAD_METHOD = 0x8024_401A, "The server does not allow the method of the request (HTTP status 405).";
    WU_E_PT_HTTP_STATUS_PROXY_AUTH_REQ = 0x8024_401B, "The proxy asks for credentials, or for others (HTTP status 407): set proxy_user and proxy_password under [http].";
    WU_E_PT_HTTP_STATUS_REQUEST_TIMEOUT = 0x8024_401C, "The server gave up waiting for the request (HTTP status 408).";
    WU_E_PT_HTTP_STATUS_CONFLICT = 0x8024_401D, "The request conflicts with the state of the server (HTTP status 409).";
    WU_E_PT_HTTP_STATUS_GONE = 0x8024_401E, "The server no longer has the file (HTTP status 410): check the source's address.";
    WU_E_PT_HTTP_STATUS_SERVER_ERROR = 0x8024_401F, "The server has an internal error (HTTP status 500).";
    WU_E_PT_HTTP_STATUS_NOT_SUPPORTED = 0x8024_4020, "The server cannot do what the request asks for (HTTP status 501).";
    WU_E_PT_HTTP_STATUS_BAD_GATEWAY = 0x8024_4021, "A gateway got no valid answer from the server behind it (HTTP status 502).";
    WU_E_PT_HTTP_STATUS_SERVICE_UNAVAIL = 0x8024_4022, "The server is busy and asks to be left alone for a while (HTTP status 503 or 429): try again later.";
    WU_E_PT_HTTP_STATUS_GATEWAY_TIMEOUT = 0x8024_4023, "A gateway waited too long for the server behind it (HTTP status 504).";
    WU_E_PT_HTTP_STATUS_VERSION_NOT_SUP = 0x8024_4024, "The server does not speak this version of HTTP (HTTP status 505).";
    WU_E_PT_HTTP_STATUS_NOT_MAPPED = 0x8024_402B, "The server answered with an HTTP status that has no code of its own.";
    WU_E_PT_WINHTTP_NAME_NOT_RESOLVED = 0x8024_402C, "The name of the server or of the proxy could not be resolved.";
    WU_E_DM_DOWNLOADLIMITEDBYUPDATESIZE = 0x8024_600C, "The daily budget of bytes is spent: wait until it begins anew, or raise daily_budget under [transfer].";
}
