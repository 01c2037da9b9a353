//! Win32 errors as HRESULTs, and those of WinHTTP among them.
//!
//! Values: Microsoft's "System Error Codes" pages and WinHTTP's "Error Messages"; a constant has the
//! name of the Win32 error and the value that HRESULT_FROM_WIN32 makes of it. A sentence says what
//! the code means where this library returns it; the other codes are there for clients that compare.

super::codes! { CODES:
    ERROR_FILE_NOT_FOUND = 0x8007_0002, "A file was not found.";
    ERROR_PATH_NOT_FOUND = 0x8007_0003, "A folder was not found.";
    ERROR_TOO_MANY_OPEN_FILES = 0x8007_0004, "Too many files are open.";
    ERROR_INVALID_DATA = 0x8007_000D, "Data is not valid.";
    ERROR_WRITE_PROTECT = 0x8007_0013, "The medium or the file system is read-only.";
    ERROR_SHARING_VIOLATION = 0x8007_0020, "Another program has the file on the share open for itself.";
    ERROR_BAD_NETPATH = 0x8007_0035, "The file server was not found or cannot be reached: check the share's name, the network and unc.port.";
    ERROR_NETNAME_DELETED = 0x8007_0040, "The connection to the file server broke.";
    ERROR_BAD_NET_NAME = 0x8007_0043, "The file server has no share of that name, or its DFS referral leads nowhere.";
    ERROR_FILE_EXISTS = 0x8007_0050, "The file exists already.";
    ERROR_BROKEN_PIPE = 0x8007_006D, "The other end of a pipe is closed.";
    ERROR_DISK_FULL = 0x8007_0070, "The disk, or the quota on it, is full; nothing was changed. Free some space and try again.";
    ERROR_SEM_TIMEOUT = 0x8007_0079, "The file server did not answer in time: check the network and the server, or raise the limits under [transfer].";
    ERROR_PROC_NOT_FOUND = 0x8007_007F, "A procedure was not found.";
    ERROR_BAD_PATHNAME = 0x8007_00A1, "A path is not valid, or leads out of the place where it must stay.";
    ERROR_FILENAME_EXCED_RANGE = 0x8007_00CE, "A file name is too long.";
    ERROR_FILE_TOO_LARGE = 0x8007_00DF, "A file is larger than the limits allow.";
    ERROR_PROCESS_ABORTED = 0x8007_042B, "The engine's worker, which builds and tests definitions, ended unexpectedly; nothing was changed.";
    ERROR_IO_DEVICE = 0x8007_045D, "Reading or writing failed: check the disk and the system's log.";
    ERROR_NOT_FOUND = 0x8007_0490, "The element was not found.";
    ERROR_CANCELLED = 0x8007_04C7, "The user cancelled the operation.";
    ERROR_HOST_DOWN = 0x8007_04E8, "The server is down.";
    ERROR_REVISION_MISMATCH = 0x8007_051A, "Two revisions do not fit together.";
    ERROR_LOGON_FAILURE = 0x8007_052E, "The file server does not let this account in: check the credentials file under [unc], and the account.";
    ERROR_FILE_CORRUPT = 0x8007_0570, "The trusted metadata kept on this machine is damaged: restore it from a backup or from the current generation.";
    ERROR_TIMEOUT = 0x8007_05B4, "A limit of time was reached: engine.wall_time or engine.cpu_time for the engine's worker, scan.max_file_time for a file of a scan.";
    ERROR_INSTALL_FAILURE = 0x8007_0643, "The installation failed: another engine or the health command was not content with the new definitions, and those before are in use.";
    ERROR_INSTALL_ALREADY_RUNNING = 0x8007_0652, "Another update is running: wait for it to end, or cancel it, and try again.";
    ERROR_PRODUCT_VERSION = 0x8007_0666, "Another version is already installed.";
    ERROR_UNKNOWN_PATCH = 0x8007_066F, "The patch does not belong to what is installed.";
    ERROR_PATCH_NO_SEQUENCE = 0x8007_0670, "No patch applies to the installed version.";
    ERROR_NOT_ENOUGH_QUOTA = 0x8007_0718, "The engine's worker went over one of its limits: see the settings under [engine].";
    ERROR_WINHTTP_TIMEOUT = 0x8007_2EE2, "The source did not answer in time: check the network and the server, or raise the limits under [transfer].";
    ERROR_WINHTTP_NAME_NOT_RESOLVED = 0x8007_2EE7, "The name of the server could not be resolved: check the source's address and the name service.";
    ERROR_WINHTTP_CANNOT_CONNECT = 0x8007_2EFD, "No connection to the server could be made: check the source's address, the network and the proxy.";
    ERROR_WINHTTP_CONNECTION_ERROR = 0x8007_2EFE, "The connection to the server broke.";
    ERROR_WINHTTP_INVALID_SERVER_RESPONSE = 0x8007_2F78, "The server packed the file although it was asked not to: switch compression off for it on the server.";
    ERROR_WINHTTP_REDIRECT_FAILED = 0x8007_2F7C, "The server redirects to where the settings do not allow to follow.";
    ERROR_WINHTTP_SECURE_FAILURE = 0x8007_2F8F, "No secure connection could be made: check the certificates, the server's name and this machine's clock.";
    RPC_S_SERVER_UNAVAILABLE = 0x8007_06BA, "The server of a remote call is not available.";
}
