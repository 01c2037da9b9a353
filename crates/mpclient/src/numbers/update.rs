//! Options, controls and data of an update.

super::numbers! { NUMBERS:
    // The bits follow the documented order. One public log of a plain update shows option 0x1, which fits.
    Ours {
        MPUPDATE_OPTION_NONE = 0,
        MPUPDATE_OPTION_ASYNC = 0x1,
        MPUPDATE_OPTION_PROGRESS = 0x2,
        MPUPDATE_OPTION_HTTP = 0x4,
        MPUPDATE_OPTION_UNC = 0x8,
        MPUPDATE_OPTION_MANAGED = 0x10,
        MPUPDATE_OPTION_UNMANAGED = 0x20,
    }
    Seen {
        MPCONTROL_ABORT = 0,
        MPCONTROL_PAUSE = 1,
        MPCONTROL_RESUME = 2,

        MPSIGUPDATE_TYPE_NONE = 0,
        MPSIGUPDATE_TYPE_MANAGED = 1,
        MPSIGUPDATE_TYPE_HTTP = 2,
        MPSIGUPDATE_TYPE_HTTP_SRV = 3,
        MPSIGUPDATE_TYPE_UNC = 4,
        MPSIGUPDATE_TYPE_UNMANAGED = 5,
        MPSIGUPDATE_TYPE_MANAGED_PLATFORM = 6,
        MPSIGUPDATE_TYPE_UNMANAGED_PLATFORM = 7,

        MP_STAGE_UNKNOWN = 0,
        MP_SEARCH_UPDATE = 1,
        MP_DOWNLOAD_UPDATE = 2,
        MP_INSTALL_UPDATE = 3,
    }
    Documented {
        MP_SIGNATURE_ANTIMALWARE = 0,
        MP_SIGNATURE_ANTIVIRUS = 1,
        MP_SIGNATURE_ANTISPYWARE = 2,
        MP_SIGNATURE_NIS = 3,
        MP_SIGNATURE_TYPES_MAXVALUE = 3,

        MP_FASTPATH_UNKNOWN = 0,
        MP_FASTPATH_VDM = 1,
        MP_FASTPATH_DISABLED = 2,

        MP_PERSISTENCE_UNKNOWN = 0,
        MP_PERSISTENCE_NO_LIMIT = 1,
        MP_PERSISTENCE_DURATION = 2,
        MP_PERSISTENCE_VDM_VERSION = 3,
        MP_PERSISTENCE_TIMESTAMP = 4,
        MP_PERSISTENCE_FORCED = 5,

        MP_REMOVAL_UNKNOWN = 0,
        MP_REMOVAL_MANUAL = 1,
        MP_REMOVAL_AUTOMATIC = 2,
    }
}
