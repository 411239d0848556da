//! `shard-NNNNN.parquet`: one row is one packed sequence.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

pub const INPUT_IDS: &str = "input_ids";
pub const SEGMENT_LENGTHS: &str = "segment_lengths";
pub const DOCUMENT_IDS: &str = "document_ids";

/// The largest vocabulary whose ids fit 16 bits.
pub const MAX_U16_VOCABULARY: usize = 65_536;
/// The longest row: segment lengths are 16 bits wide.
pub const MAX_SEQ_LEN: usize = 65_535;

/// How wide a token id is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenWidth {
    U16,
    U32,
}

impl TokenWidth {
    pub fn of_vocabulary(vocab_size: usize) -> Self {
        if vocab_size <= MAX_U16_VOCABULARY { Self::U16 } else { Self::U32 }
    }

    pub fn data_type(self) -> DataType {
        match self {
            Self::U16 => DataType::UInt16,
            Self::U32 => DataType::UInt32,
        }
    }
}

/// The Arrow schema of a shard. No column and no list element is ever null.
///
/// - `input_ids`: `list<uint16>` or `list<uint32>`, at most `max_seq_len` ids, no padding;
/// - `segment_lengths`: `list<uint16>`, the lengths of the documents' pieces in this row, in order; their sum is the row's length;
/// - `document_ids`: `list<uint64>`, the document of each segment.
pub fn schema(width: TokenWidth) -> SchemaRef {
    let list = |name: &str, item: DataType| Field::new(name, DataType::List(item_field(item)), false);
    Arc::new(Schema::new(vec![
        list(INPUT_IDS, width.data_type()),
        list(SEGMENT_LENGTHS, DataType::UInt16),
        list(DOCUMENT_IDS, DataType::UInt64),
    ]))
}

/// The field of a shard list's elements, named as the Parquet specification names it.
pub fn item_field(item: DataType) -> Arc<Field> {
    Arc::new(Field::new("element", item, false))
}
