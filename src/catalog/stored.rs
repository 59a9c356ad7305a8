//! How the catalogue lies in its file: an index, then chunks that are decompressed when first asked for.
//!
//! ```text
//! magic (8 bytes) · checksum of all that follows (32, blake3) · length of the index (4, little endian)
//! · index (postcard) · chunks (postcard, compressed with deflate)
//! ```
//! One chunk per service keeps the cost of a look-up to the services a program uses.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::CatalogError;
use super::texts::{Text, Texts};

/// First bytes of a catalogue file; the digit changes with the layout.
const MAGIC: &[u8; 8] = b"rolefit2";
const CHECKSUM_LENGTH: usize = 32;
const HEADER_LENGTH: usize = MAGIC.len() + CHECKSUM_LENGTH + 4;
/// No chunk is larger once decompressed; refuses nonsense before it allocates.
const LARGEST_CHUNK: u32 = 64 << 20;

/// What the file holds and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Index {
    /// Newest data of the sources, `YYYY-MM-DD`.
    pub(crate) date: String,
    /// Packages it was built from, sorted.
    pub(crate) sources: Vec<SourceData>,
    /// Sorted by `suffix`.
    pub(crate) services: Vec<ServiceEntry>,
    /// Sorted by `prefix`.
    pub(crate) prefixes: Vec<PrefixEntry>,
    /// Where the [`PolicyData`]s lie, sorted by name.
    pub(crate) policies: ChunkRange,
    /// Where the [`HistoryData`]s lie, sorted by name.
    pub(crate) history: ChunkRange,
}

/// A package that the catalogue was built from.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct SourceData {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The day it was made, `YYYY-MM-DD`; empty when it does not tell.
    pub(crate) date: String,
    pub(crate) file: String,
    /// Hexadecimal.
    pub(crate) sha256: String,
    pub(crate) licence: String,
}

/// The actions of one IAM prefix, in the index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PrefixEntry {
    pub(crate) prefix: String,
    /// The service's name in the Service Authorization Reference.
    pub(crate) title: String,
    /// Its page there, the last part of the address; empty when not known.
    pub(crate) page: String,
    pub(crate) action_count: u32,
    /// Where its [`PrefixData`] lies.
    pub(crate) chunk: ChunkRange,
}

/// Actions and resource types of an IAM prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PrefixData {
    pub(crate) texts: Texts,
    /// Sorted by lower-case name.
    pub(crate) actions: Vec<ActionData>,
    /// Sorted by name.
    pub(crate) resource_types: Vec<ResourceTypeData>,
}

/// An action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActionData {
    pub(crate) name: Text,
    /// Number of its access level, least first.
    pub(crate) level: u8,
    /// It stands for a permission only, no operation has its name.
    pub(crate) permission_only: bool,
    /// Position in `resource_types`, and whether the reference marks it as required.
    pub(crate) resources: Vec<(u32, bool)>,
    pub(crate) condition_keys: Vec<Text>,
    /// Actions, `prefix:Name`, that it can also need.
    pub(crate) dependents: Vec<Text>,
}

/// A resource type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResourceTypeData {
    pub(crate) name: Text,
    /// Its ARN with `${Variable}`s.
    pub(crate) arn: Text,
    pub(crate) condition_keys: Vec<Text>,
}

/// An AWS managed policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PolicyData {
    pub(crate) name: String,
    /// Path before the name, such as `/service-role/`.
    pub(crate) path: String,
    /// `v1` and on.
    pub(crate) version: u16,
    /// `YYYY-MM-DD`.
    pub(crate) updated: String,
    /// The chunk of plain text that holds its document, and where in it.
    pub(crate) chunk: ChunkRange,
    pub(crate) start: u32,
    pub(crate) length: u32,
}

/// The versions of a managed policy that are not in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HistoryData {
    pub(crate) name: String,
    /// Number, and the day it was made (`YYYY-MM-DD`, or nothing); newest first.
    pub(crate) versions: Vec<(u16, String)>,
    /// The chunk that holds the changes which make each of the one before it (the first: of the document in force), and
    /// where in it they lie (postcard).
    pub(crate) chunk: ChunkRange,
    pub(crate) start: u32,
    pub(crate) length: u32,
}

/// A service in the index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceEntry {
    /// Crate name without `aws-sdk-`.
    pub(crate) suffix: String,
    /// botocore's directory.
    pub(crate) directory: String,
    /// The service's full name.
    pub(crate) title: String,
    /// Prefix of its IAM actions.
    pub(crate) iam_prefix: String,
    /// Prefix of its endpoints, which names it in CloudTrail.
    pub(crate) endpoint_prefix: String,
    /// Where its [`ServiceData`] lies.
    pub(crate) chunk: ChunkRange,
}

/// Where a chunk lies, counted from the end of the index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ChunkRange {
    pub(crate) start: u32,
    pub(crate) length: u32,
    pub(crate) decompressed_length: u32,
}

/// Operations and input shapes of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceData {
    pub(crate) texts: Texts,
    /// Sorted by folded name.
    pub(crate) operations: Vec<OperationData>,
    /// Structures reachable from inputs, sorted by name.
    pub(crate) shapes: Vec<ShapeData>,
    /// Value lists of enumerations that members refer to.
    pub(crate) enumerations: Vec<Vec<Text>>,
    /// Waiter name and the operation it polls.
    pub(crate) waiters: Vec<(Text, Text)>,
}

/// An operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OperationData {
    pub(crate) name: Text,
    /// Its input in `shapes`; operations without input have none.
    pub(crate) input: Option<u32>,
    /// HTTP method and path, only where permissions depend on them (API Gateway).
    pub(crate) http: Option<(Text, Text)>,
    pub(crate) deprecated: bool,
    /// Sent without a signature, so IAM takes no part.
    pub(crate) unsigned: bool,
    /// The SDK asks `DescribeEndpoints` first.
    pub(crate) discovers_endpoint: bool,
    /// How the build found its actions.
    pub(crate) rule: StoredRule,
    /// Its actions, `prefix:Name`; empty for the action of the same name.
    pub(crate) actions: Vec<Text>,
}

/// How the build found the actions of an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StoredRule {
    #[default]
    SameName,
    Verb,
    Link,
    Prose,
    Likeness,
    Unsigned,
    Unresolved,
}

/// A structure or union.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShapeData {
    pub(crate) name: Text,
    pub(crate) is_union: bool,
    pub(crate) members: Vec<MemberData>,
}

/// A member of a structure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemberData {
    pub(crate) name: Text,
    pub(crate) kind: StoredKind,
    pub(crate) required: bool,
    /// The structure that the member is, or that its elements or values are, in `shapes`.
    pub(crate) shape: Option<u32>,
    /// The values of its enumeration, in `enumerations`.
    pub(crate) enumeration: Option<u32>,
    /// What the model's pattern says of the text.
    pub(crate) takes: Takes,
}

/// A member's type, as far as permissions depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StoredKind {
    #[default]
    Text,
    OtherScalar,
    TextList,
    List,
    Map,
    Structure,
}

/// What a text member accepts, by the pattern in the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Takes {
    /// The model does not say.
    #[default]
    Any,
    /// ARNs.
    Arn,
    /// ARNs of IAM roles.
    RoleArn,
}

/// A catalogue file: its bytes and the decoded index.
#[derive(Debug)]
pub(crate) struct File {
    bytes: Cow<'static, [u8]>,
    chunks_start: usize,
    pub(crate) index: Index,
}

impl File {
    /// Reads the index. The checksum is compared only if `verify` is set: bytes from outside may be damaged, embedded
    /// ones are not.
    pub(crate) fn read(bytes: Cow<'static, [u8]>, verify: bool) -> Result<Self, CatalogError> {
        let body = bytes
            .strip_prefix(MAGIC.as_slice())
            .ok_or(CatalogError::NotACatalog)?;
        let (checksum, rest) = body
            .split_at_checked(CHECKSUM_LENGTH)
            .ok_or(CatalogError::Damaged)?;
        if verify && blake3::hash(rest).as_bytes() != checksum {
            return Err(CatalogError::Damaged);
        }
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(CatalogError::Damaged)?;
        let length = u32::from_le_bytes(*length) as usize;
        let index = rest.get(..length).ok_or(CatalogError::Damaged)?;
        let index = postcard::from_bytes(index).map_err(|_| CatalogError::Damaged)?;
        Ok(Self {
            chunks_start: HEADER_LENGTH + length,
            bytes,
            index,
        })
    }

    /// The checksum that the file states, in hexadecimal digits.
    pub(crate) fn checksum(&self) -> String {
        let checksum = self.bytes.get(MAGIC.len()..MAGIC.len() + CHECKSUM_LENGTH);
        checksum
            .into_iter()
            .flatten()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// How many bytes the file has.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// A file without content.
    pub(crate) fn empty() -> Self {
        Self {
            bytes: Cow::Borrowed(&[]),
            chunks_start: 0,
            index: Index::default(),
        }
    }

    /// Decompresses and decodes one chunk.
    pub(crate) fn chunk<T: DeserializeOwned>(&self, range: ChunkRange) -> Result<T, CatalogError> {
        postcard::from_bytes(&self.raw_chunk(range)?).map_err(|_| CatalogError::Damaged)
    }

    /// Decompresses one chunk.
    pub(crate) fn raw_chunk(&self, range: ChunkRange) -> Result<Vec<u8>, CatalogError> {
        let start = self.chunks_start.saturating_add(range.start as usize);
        let compressed = self
            .bytes
            .get(start..start.saturating_add(range.length as usize))
            .ok_or(CatalogError::Damaged)?;
        if range.decompressed_length > LARGEST_CHUNK {
            return Err(CatalogError::Damaged);
        }
        let mut plain = vec![0; range.decompressed_length as usize];
        let written = libdeflater::Decompressor::new()
            .deflate_decompress(compressed, &mut plain)
            .map_err(|_| CatalogError::Damaged)?;
        plain.truncate(written);
        Ok(plain)
    }
}

/// Writes a catalogue file chunk by chunk.
#[derive(Debug, Default)]
pub(crate) struct FileWriter {
    chunks: Vec<u8>,
}

impl FileWriter {
    /// Adds a chunk; `None` when it cannot be encoded or is too large.
    pub(crate) fn add<T: Serialize>(&mut self, value: &T) -> Option<ChunkRange> {
        self.add_raw(&postcard::to_stdvec(value).ok()?)
    }

    /// Adds a chunk of plain bytes.
    pub(crate) fn add_raw(&mut self, plain: &[u8]) -> Option<ChunkRange> {
        let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::best());
        let mut compressed = vec![0; compressor.deflate_compress_bound(plain.len())];
        let length = compressor.deflate_compress(plain, &mut compressed).ok()?;
        compressed.truncate(length);
        let range = ChunkRange {
            start: u32::try_from(self.chunks.len()).ok()?,
            length: u32::try_from(length).ok()?,
            decompressed_length: u32::try_from(plain.len())
                .ok()
                .filter(|&length| length <= LARGEST_CHUNK)?,
        };
        self.chunks.extend_from_slice(&compressed);
        Some(range)
    }

    /// The bytes of the file.
    pub(crate) fn finish(self, index: &Index) -> Option<Vec<u8>> {
        let index = postcard::to_stdvec(index).ok()?;
        let mut rest = u32::try_from(index.len()).ok()?.to_le_bytes().to_vec();
        rest.extend_from_slice(&index);
        rest.extend_from_slice(&self.chunks);
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(blake3::hash(&rest).as_bytes());
        bytes.extend_from_slice(&rest);
        Some(bytes)
    }
}
