//! Keeps damaged Parquet files from ending the program: on some of them the library panics, or asks for more memory than there is.

use std::{
    cell::Cell,
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
};

use parquet::{
    arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    errors::ParquetError,
    file::metadata::RowGroupMetaData,
};

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Opens a file whose columns lie inside it.
pub(super) fn open(file: File, options: ArrowReaderOptions) -> Result<ParquetRecordBatchReaderBuilder<File>, ParquetError> {
    guarded(|| {
        let file_bytes = file.metadata()?.len();
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)?;
        let mut columns = builder.metadata().row_groups().iter().flat_map(RowGroupMetaData::columns);
        let lies_inside = |(start, length): (u64, u64)| start.checked_add(length).is_some_and(|end| end <= file_bytes);
        if columns.all(|column| lies_inside(column.byte_range())) {
            Ok(builder)
        } else {
            Err(ParquetError::EOF(format!("a column goes on beyond the file's {file_bytes} bytes")))
        }
    })
}

/// Calls the library; its panic becomes an error, and nothing is printed.
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                print(panic);
            }
        }));
    });
    IS_GUARDED.set(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    IS_GUARDED.set(false);
    result.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        Err(ParquetError::General(message.unwrap_or_else(|| "the file is damaged".to_owned())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let number = "x".parse::<u32>();
        let found = guarded(|| Ok(number.expect("no number")));
        assert!(found.is_err_and(|error| error.to_string().contains("no number")));
        assert!(guarded(|| Ok(1)).is_ok_and(|number| number == 1));
    }
}
