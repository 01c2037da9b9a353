//! Options and kinds of scans, and where they come from.

super::numbers! { NUMBERS:
    Documented {
        MPSCAN_TYPE_UNKNOWN = 0,
        MPSCAN_TYPE_QUICK = 1,
        MPSCAN_TYPE_FULL = 2,
        MPSCAN_TYPE_RESOURCE = 3,
        MPSCAN_TYPE_MAXVALUE = 3,

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
        MP_SOURCE_MAXVALUE = 10,

        MP_RESOURCE_CLASS_UNKNOWN = 0x0000,
        MP_RESOURCE_CLASS_CONCRETE = 0x0001,
        MP_RESOURCE_CLASS_LATENT = 0x0002,
        MP_RESOURCE_CLASS_SAMPLE_FILE = 0x0004,
        MP_RESOURCE_CLASS_SHARED = 0x0100,
    }
    // The bits follow the documented order, as those of MPUPDATE_OPTION do.
    Ours {
        MPSCAN_OPTION_NONE = 0,
        MPSCAN_OPTION_ASYNC = 0x1,
        MPSCAN_OPTION_PROGRESS = 0x2,
        MPSCAN_OPTION_LOWPRIORITY = 0x4,
        MPSCAN_OPTION_PACKEDEXES = 0x8,
        MPSCAN_OPTION_ARCHIVES = 0x10,
        MPSCAN_OPTION_HEURISTICS = 0x20,
        MPSCAN_OPTION_REPORTFRIENDLY = 0x40,
        MPSCAN_OPTION_REPORTUNKNOWN = 0x80,
        MPSCAN_OPTION_NOCONSOLIDATE = 0x100,

        // More than the million parts that a progress can reach.
        MPPROGRESS_INVALID = 0xFFFF_FFFF,
    }
}
