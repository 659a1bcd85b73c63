//! The fixed parts of a binary trace: header, index, trailer. All integers are little-endian.
//!
//! ```text
//! header   magic[8] version:u16 flags:u16 header_bytes:u32 file_bytes:u64 threads:u32
//!          name_bytes:u16 provenance_bytes:u32 name provenance crc:u32
//! chunks   zstd frames, one after another: of records, and of the interleaving
//! index    records:u64 threads:u32, then for each thread
//!          records:u64 chunks:u32 (offset:u64 packed:u32 raw:u32 records:u32 crc:u32)*
//!          then of the interleaving chunks:u32 (offset:u64 packed:u32 raw:u32 runs:u32 crc:u32)*
//! trailer  index_offset:u64 index_bytes:u64 index_crc:u32 crc:u32 magic[8]
//! ```
//! Bit 0 of the flags says that the interleaving of the threads is known; without it there are no
//! chunks of it. The other bits are 0. A chunk's checksum (CRC-32, IEEE) is over its packed bytes and lies in the index. The chunks
//! fill the space between header and index without gap or overlap. `file_bytes` is 0 until the
//! writer finishes, so a file that was never finished, one that was cut and one that has grown are
//! told apart.

use crate::check::THREADS_MAX;

/// First bytes of a binary trace. The high bit and the line ends catch transfers that mangle text.
pub(crate) const MAGIC: [u8; 8] = *b"\x89LKST\r\n\x1a";
/// Last bytes of a binary trace.
pub(crate) const MAGIC_END: [u8; 8] = *b"LKSTEND\n";
/// The version that this build writes, and the latest that it reads.
/// Version 2 has reductions and pauses up to a time.
pub const VERSION: u16 = 2;
/// Flag: the interleaving is known.
const ORDERED: u16 = 1;
/// Bytes of the header in front of its strings.
pub(crate) const HEADER_FIXED: usize = 34;
pub(crate) const TRAILER_BYTES: u64 = 32;
pub(crate) const NAME_BYTES_MAX: usize = 1024;
pub(crate) const PROVENANCE_BYTES_MAX: usize = 32_768;

/// A chunk is closed when it has this many records ...
pub(crate) const CHUNK_RECORDS: u32 = 16_384;
/// ... or this many bytes before compression.
pub(crate) const CHUNK_BYTES: usize = 1 << 18;
/// What a reader accepts: room for other writers, a bound for memory.
pub(crate) const CHUNK_BYTES_MAX: u32 = 1 << 20;
/// A packed chunk may exceed its raw bytes by this much: zstd stores what it cannot compress.
const PACKED_EXTRA_MAX: u32 = 1 << 13;
const THREAD_ENTRY_BYTES: u64 = 12;
const CHUNK_ENTRY_BYTES: u64 = 24;

/// One chunk, as the index has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Of its first byte in the file.
    pub(crate) offset: u64,
    /// Bytes in the file.
    pub(crate) packed: u32,
    /// Bytes after decompression.
    pub(crate) raw: u32,
    /// Records, or of a chunk of the interleaving runs; at least 1.
    pub(crate) records: u32,
    /// CRC-32 of the packed bytes.
    pub(crate) crc: u32,
}

/// The header's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Of the format.
    pub(crate) version: u16,
    pub(crate) file_bytes: u64,
    pub(crate) threads: u32,
    /// Whether the interleaving is known.
    pub(crate) ordered: bool,
    pub(crate) name: String,
    pub(crate) provenance: String,
}

/// The trailer's content: where the index lies, and its checksum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trailer {
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    pub(crate) crc: u32,
}

impl Header {
    /// Bytes that [`encode`](Self::encode) gives.
    pub(crate) const fn bytes(&self) -> usize {
        HEADER_FIXED + self.name.len() + self.provenance.len() + 4
    }

    /// The header as bytes; its strings are within their limits.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes());
        out.extend(MAGIC);
        out.extend(self.version.to_le_bytes());
        out.extend(if self.ordered { ORDERED } else { 0 }.to_le_bytes());
        out.extend(as_u32(self.bytes()).to_le_bytes());
        out.extend(self.file_bytes.to_le_bytes());
        out.extend(self.threads.to_le_bytes());
        out.extend(u16::try_from(self.name.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend(as_u32(self.provenance.len()).to_le_bytes());
        out.extend(self.name.as_bytes());
        out.extend(self.provenance.as_bytes());
        out.extend(crc32fast::hash(&out).to_le_bytes());
        out
    }

    /// The length that the fixed part claims for the whole header.
    pub(crate) fn claimed_bytes(fixed: &[u8]) -> Result<usize, &'static str> {
        let claimed = Bytes(fixed.get(12..16).unwrap_or_default()).u32().map(as_usize);
        match claimed {
            Some(n) if n < HEADER_FIXED + 4 => Err("it claims to be too short"),
            Some(n) if n <= HEADER_FIXED + 4 + NAME_BYTES_MAX + PROVENANCE_BYTES_MAX => Ok(n),
            _ => Err("it claims to be too long"),
        }
    }

    /// Reads the whole header.
    pub(crate) fn parse(all: &[u8]) -> Result<Self, &'static str> {
        let short = "it is too short";
        let (body, crc) = all.split_last_chunk::<4>().ok_or(short)?;
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return Err("its checksum does not match");
        }
        let mut b = Bytes(body.get(8..).ok_or(short)?);
        let (version, flags) = (b.u16().ok_or(short)?, b.u16().ok_or(short)?);
        let _header_bytes = b.u32().ok_or(short)?;
        let (file_bytes, threads) = (b.u64().ok_or(short)?, b.u32().ok_or(short)?);
        let name_bytes = usize::from(b.u16().ok_or(short)?);
        let provenance_bytes = as_usize(b.u32().ok_or(short)?);
        let lengths_fit = name_bytes.checked_add(provenance_bytes) == Some(b.0.len());
        if !(1..=VERSION).contains(&version) || flags & !ORDERED != 0 || !lengths_fit {
            return Err("its fields contradict each other");
        }
        if threads > THREADS_MAX {
            return Err("it has too many threads");
        }
        let (name, provenance) = b.0.split_at(name_bytes);
        let (name, provenance) = (plain(name)?, plain(provenance)?);
        let ordered = flags & ORDERED != 0;
        Ok(Self { version, file_bytes, threads, ordered, name, provenance })
    }
}

impl Trailer {
    /// The trailer as bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(self.offset.to_le_bytes());
        out.extend(self.bytes.to_le_bytes());
        out.extend(self.crc.to_le_bytes());
        out.extend(crc32fast::hash(&out).to_le_bytes());
        out.extend(MAGIC_END);
        out
    }

    /// Reads it.
    pub(crate) fn parse(all: &[u8]) -> Result<Self, &'static str> {
        if !all.ends_with(&MAGIC_END) {
            return Err("the end mark is missing");
        }
        let mut b = Bytes(all);
        let fields = (b.u64(), b.u64(), b.u32(), b.u32());
        let (Some(offset), Some(bytes), Some(index_crc), Some(crc)) = fields else {
            return Err("it is too short");
        };
        if crc32fast::hash(&all[..20]) != crc {
            return Err("its checksum does not match");
        }
        Ok(Self { offset, bytes, crc: index_crc })
    }
}

/// Where every chunk lies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// `[thread][chunk]`
    pub(crate) threads: Vec<Vec<Chunk>>,
    /// The interleaving; empty if it is not known.
    pub(crate) order: Vec<Chunk>,
}

impl Index {
    /// The index as bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let records = |chunks: &[Chunk]| chunks.iter().map(|c| u64::from(c.records)).sum::<u64>();
        let mut out = Vec::new();
        out.extend(self.threads.iter().map(|t| records(t)).sum::<u64>().to_le_bytes());
        out.extend(as_u32(self.threads.len()).to_le_bytes());
        for chunks in &self.threads {
            out.extend(records(chunks).to_le_bytes());
            put_chunks(&mut out, chunks);
        }
        put_chunks(&mut out, &self.order);
        out
    }

    /// Reads the index of the file with this header, whose chunks must fill the space up to `to`.
    pub(crate) fn parse(all: &[u8], header: &Header, to: u64) -> Result<Self, &'static str> {
        let short = "it is too short";
        let mut b = Bytes(all);
        let (total, count) = (b.u64().ok_or(short)?, b.u32().ok_or(short)?);
        if count != header.threads || u64::from(count) * THREAD_ENTRY_BYTES > b.0.len() as u64 {
            return Err("its threads are not those of the header");
        }
        let mut threads = Vec::with_capacity(as_usize(count));
        let mut sum = 0_u64;
        for _ in 0..count {
            let records = b.u64().ok_or(short)?;
            let list = b.chunks()?;
            if list.iter().map(|c| u64::from(c.records)).sum::<u64>() != records {
                return Err("a thread's records are not those of its chunks");
            }
            sum = sum.checked_add(records).ok_or("it has too many records")?;
            threads.push(list);
        }
        let order = b.chunks()?;
        if !b.0.is_empty() || sum != total {
            return Err("its totals do not match");
        }
        if header.ordered == order.is_empty() {
            return Err("header and index disagree whether the interleaving is known");
        }
        let index = Self { threads, order };
        index.check_places(header.bytes() as u64, to)?;
        Ok(index)
    }

    /// The chunks must fill `from..to` of the file.
    fn check_places(&self, from: u64, to: u64) -> Result<(), &'static str> {
        let all = || self.threads.iter().flatten().chain(&self.order);
        let mut places = Vec::with_capacity(all().count());
        places.extend(all().map(|c| (c.offset, c.packed)));
        places.sort_unstable();
        let mut at = from;
        for (offset, packed) in places {
            if offset != at {
                return Err("its chunks overlap or leave a gap");
            }
            at = at.checked_add(u64::from(packed)).ok_or("a chunk lies outside the file")?;
        }
        if at == to { Ok(()) } else { Err("its chunks do not fill the file") }
    }
}

fn put_chunks(out: &mut Vec<u8>, chunks: &[Chunk]) {
    out.extend(as_u32(chunks.len()).to_le_bytes());
    for c in chunks {
        out.extend(c.offset.to_le_bytes());
        for n in [c.packed, c.raw, c.records, c.crc] {
            out.extend(n.to_le_bytes());
        }
    }
}

/// A slice that integers are taken from.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }
    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }
    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }
    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
    /// A count and as many chunks.
    fn chunks(&mut self) -> Result<Vec<Chunk>, &'static str> {
        let count = self.u32().ok_or("it is too short")?;
        if u64::from(count) * CHUNK_ENTRY_BYTES > self.0.len() as u64 {
            return Err("it is too short");
        }
        (0..count).map(|_| self.chunk()).collect()
    }
    fn chunk(&mut self) -> Result<Chunk, &'static str> {
        let fields = (self.u64(), self.u32(), self.u32(), self.u32(), self.u32());
        let (Some(offset), Some(packed), Some(raw), Some(records), Some(crc)) = fields else {
            return Err("it is too short");
        };
        // Every record takes at least a byte, and so does a run.
        let fits = raw <= CHUNK_BYTES_MAX && packed <= raw + PACKED_EXTRA_MAX && packed > 0;
        if !fits || records == 0 || records > raw {
            return Err("a chunk is too large or empty");
        }
        Ok(Chunk { offset, packed, raw, records, crc })
    }
}

/// UTF-8 without control characters, so that a hostile name cannot steer a terminal.
fn plain(bytes: &[u8]) -> Result<String, &'static str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err("its name or provenance is not plain text"),
    }
}

/// For lengths that are bounded far below 4 Gi.
fn as_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

pub(crate) const fn as_usize(n: u32) -> usize {
    n as usize
}
