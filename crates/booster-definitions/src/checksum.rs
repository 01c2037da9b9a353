//! Checksums that tell which file was damaged.
//!
//! What decides whether content is the publisher's is the archive's signed SHA-256. A checksum only
//! names the file that differs, in lists that nobody signs; it need not resist an attacker, and costs a
//! twentieth.

/// A CRC-32 (ISO-HDLC, as in zip and gzip) in the making.
#[derive(Debug, Clone, Default)]
pub struct Checksum(crc32fast::Hasher);

impl Checksum {
    /// The checksum of bytes in memory.
    pub fn of(bytes: &[u8]) -> u32 {
        let mut checksum = Self::default();
        checksum.update(bytes);
        checksum.finish()
    }

    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes taken.
    pub fn finish(self) -> u32 {
        self.0.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_common_crc_32() {
        // The check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms.
        assert_eq!(Checksum::of(b"123456789"), 0xcbf4_3926);
    }
}
