//! What `-h` says.

/// The page.
pub const TEXT: &str = "\
mpcmdrun: keeps antimalware definitions current, with the options of MpCmdRun.

Usage:
  mpcmdrun -SignatureUpdate [-UNC [-Path SHARE] | -MMPC]
      Looks for newer definitions and installs them, from the configured sources in their order.
      -UNC          only from the configured shares and folders
      -Path SHARE   only from this share (\\\\server\\share\\folder) or folder, whatever is configured
      -MMPC         only from the configured web servers

  mpcmdrun -RemoveDefinitions [-All]
      Returns to the set of definitions that was in use before the last update.
      -All          removes all definitions; nothing can be detected before the next update

  mpcmdrun -Scan -ScanType 3 -File PATH [-ReturnHR]
      Looks for threats in a file, or in a folder with all that is in it. Nothing is changed there.
      -ReturnHR     prints the code of the result as well

  mpcmdrun -h | -?
      Shows this page.

Names of options are the same in capitals and small letters. Sources, trust and the data folder are
configured as for booster: in booster.toml, or in BOOSTER_ variables.

Examples:
  mpcmdrun -SignatureUpdate
  mpcmdrun -SignatureUpdate -UNC -Path '\\\\files.example\\definitions'
  mpcmdrun -SignatureUpdate -UNC -Path /media/usb/definitions
  mpcmdrun -RemoveDefinitions && booster status
  mpcmdrun -Scan -ScanType 3 -File ~/Downloads

Exit codes: 0 done, or nothing found; 2 failed, or a threat found. The lines that are printed say which.
What was done step by step stands in MpCmdRun.log in the folder for temporary files.";
