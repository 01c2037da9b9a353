//! Codes that every COM-like API shares, and those about handles and arguments.
//!
//! Values: Microsoft's "COM Error Codes" pages. `E_WIN_INVALID_HANDLE` is documented by name alone;
//! its value is taken to be that of the Win32 error ERROR_INVALID_HANDLE. `E_MP_SERVICE_UNAVAILABLE` is what
//! programs have seen where the service did not run: the error RPC_S_SERVER_UNAVAILABLE with the facility of RPC;
//! its name is ours.

super::codes! { CODES:
    S_OK = 0x0000_0000, "The operation succeeded.";
    S_FALSE = 0x0000_0001, "The operation succeeded and there was nothing to do: no updates were needed, or there are no more items.";
    E_NOTIMPL = 0x8000_4001, "This is not implemented.";
    E_POINTER = 0x8000_4003, "A pointer that must not be null is null.";
    E_ABORT = 0x8000_4004, "The operation was aborted.";
    E_FAIL = 0x8000_4005, "The operation failed for a reason that has no code of its own. The event log or the history of updates may say more.";
    E_PENDING = 0x8000_000A, "The data is not available yet: wait until the operation has ended.";
    E_ILLEGAL_METHOD_CALL = 0x8000_000E, "The call is not possible at this time or for this kind of operation.";
    E_UNEXPECTED = 0x8000_FFFF, "The library has found a fault in itself and has given up the call. Please report it.";
    E_WIN_INVALID_HANDLE = 0x8007_0006, "The handle is not valid: it was closed, belongs to another kind of object or to another process, or was never a handle.";
    E_ACCESSDENIED = 0x8007_0005, "Access is denied: run as the owner of the data folder or as an administrator.";
    E_OUTOFMEMORY = 0x8007_000E, "There is not enough memory.";
    E_INVALIDARG = 0x8007_0057, "An argument is not valid: an unknown option, options that exclude each other, or a reserved argument that is not zero.";
    SEC_E_MESSAGE_ALTERED = 0x8009_030F, "An answer of the file server is not signed as it must be: the server is broken, or somebody changes what it sends.";
    SEC_E_ALGORITHM_MISMATCH = 0x8009_0331, "The session with the file server cannot be protected as it must be: switch SMB 3.1.1 and AES-128 encryption on there.";
    E_MP_SERVICE_UNAVAILABLE = 0x8001_06BA, "The antimalware service does not answer, and the settings want it: start it, or set use = \"auto\" under [service].";
    SEC_E_TIME_SKEW = 0x8009_0324, "This machine's clock is behind the time that the publisher has signed: set the clock and try again.";
    TRUST_E_SUBJECT_NOT_TRUSTED = 0x800B_0004, "The definitions belong to another publisher than the one that this machine trusts: check the address of the source.";
    CERT_E_EXPIRED = 0x800B_0101, "The source's signed metadata has expired: it may be an old copy, or the publisher has to renew it.";
    CERT_E_UNTRUSTEDROOT = 0x800B_0109, "No publisher is trusted on this machine yet: configure the publisher's root metadata.";
}
