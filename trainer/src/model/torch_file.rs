//! `pytorch_model.bin`: the tensors of a file that `torch.save` wrote, read without running anything that it names.
//!
//! Since PyTorch 1.6 such a file is a ZIP archive, not compressed: `data.pkl` is a pickle of a dictionary from names to tensors, and
//! `data/0`, `data/1`, … are the bytes of their storages. Before, it was pickles one after the other: a magic number, a version, facts of
//! the machine, the dictionary, and the list of the storages, whose lengths and bytes follow. A pickle is a program for a small stack
//! machine that may call any Python function. This reader knows the few instructions and the few functions that tensors need (the opcodes
//! are those of Python's `pickletools`), and refuses everything else by name.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fs,
    io::{Cursor, Read},
    path::Path,
    rc::Rc,
};

use tch::{Kind, Tensor};
use zip::ZipArchive;

use super::weights::fp32;
use crate::error::{AtPath, Error, Result};

/// The first pickle of a file from before PyTorch 1.6: a number that means nothing.
const OLD_MAGIC: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";

/// All floating-point tensors of the file, as fp32 in host memory. Integers are no parameters and are left out.
pub(crate) fn read_torch_file(path: &Path) -> Result<BTreeMap<String, Tensor>> {
    let bytes = fs::read(path).at_path(path)?;
    let bad = |found: String| Error::BadFile {
        path: path.to_owned(),
        expected: "tensors by name, as torch.save writes them".into(),
        found,
        remedy: "save the model again as model.safetensors with a current PyTorch",
    };
    let (entries, storages) = match bytes.strip_prefix(OLD_MAGIC) {
        Some(rest) => read_old_file(rest),
        None => read_archive(&bytes),
    }
    .map_err(bad)?;
    let mut tensors = BTreeMap::new();
    for (name, tensor) in entries {
        let StoredTensor { storage: Storage { key, kind }, offset, shape, strides } = &tensor;
        if !FLOATS.contains(kind) {
            continue;
        }
        let bytes = storages.get(key).ok_or_else(|| bad(format!("no storage {key}")))?;
        let num_elements = bytes.len() / kind.elt_size_in_bytes();
        if !tensor.lies_within(num_elements as i64) {
            return Err(bad(format!("tensor {name} of shape {shape:?} in a storage of {num_elements} numbers")));
        }
        let bytes = &bytes[..num_elements * kind.elt_size_in_bytes()];
        let storage = Tensor::f_from_data_size(bytes, &[num_elements as i64], *kind)?;
        tensors.insert(name, fp32(&storage.f_as_strided(shape, strides, *offset)?)?);
    }
    Ok(tensors)
}

/// Named tensors, and the bytes of storages by their keys.
type TensorsAndStorages<'a> = (Vec<(String, StoredTensor)>, HashMap<Rc<str>, Cow<'a, [u8]>>);

fn read_archive(bytes: &[u8]) -> Result<TensorsAndStorages<'_>, String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| format!("no file of torch.save ({error})"))?;
    let pickle = archive.file_names().find(|name| name.ends_with("/data.pkl")).map(str::to_owned);
    let pickle = pickle.ok_or("an archive without data.pkl")?;
    let folder = pickle.trim_end_matches("data.pkl");
    let mut read_entry = |name: &str| {
        let mut bytes = Vec::new();
        let mut entry = archive.by_name(name).map_err(|error| format!("{name}: {error}"))?;
        entry.read_to_end(&mut bytes).map_err(|error| format!("{name}: {error}"))?;
        Ok::<_, String>(bytes)
    };
    let program = read_entry(&pickle)?;
    let tensors = named_tensors(&Machine::run(&mut program.as_slice())?)?;
    let mut storages = HashMap::new();
    for (_, StoredTensor { storage: Storage { key, .. }, .. }) in &tensors {
        if !storages.contains_key(key) {
            storages.insert(Rc::clone(key), read_entry(&format!("{folder}data/{key}"))?.into());
        }
    }
    Ok((tensors, storages))
}

/// What follows the magic number.
fn read_old_file(mut rest: &[u8]) -> Result<TensorsAndStorages<'_>, String> {
    let _version = Machine::run(&mut rest)?;
    let _machine = Machine::run(&mut rest)?;
    let tensors = named_tensors(&Machine::run(&mut rest)?)?;
    let kinds: HashMap<&str, Kind> = tensors.iter().map(|(_, tensor)| (&*tensor.storage.key, tensor.storage.kind)).collect();
    let mut storages = HashMap::new();
    for key in Machine::run(&mut rest)? {
        let Value::Text(key) = key else { return Err(format!("{key:?} instead of a storage's key")) };
        let kind = kinds.get(&*key).ok_or_else(|| format!("storage {key}, which no tensor uses"))?;
        let torn = || format!("a torn storage {key}");
        let (count, data) = rest.split_first_chunk().ok_or_else(torn)?;
        let length = usize::try_from(i64::from_le_bytes(*count)).ok().and_then(|count| count.checked_mul(kind.elt_size_in_bytes()));
        let (bytes, data) = length.and_then(|length| data.split_at_checked(length)).ok_or_else(torn)?;
        storages.insert(Rc::clone(&key), bytes.into());
        rest = data;
    }
    Ok((tensors, storages))
}

/// The items of a dictionary of tensors.
fn named_tensors(items: &[Value]) -> Result<Vec<(String, StoredTensor)>, String> {
    let named = |item: &[Value]| match item {
        [Value::Text(name), Value::Tensor(tensor)] => Ok((name.to_string(), (**tensor).clone())),
        other => Err(format!("{other:?} instead of a name and a tensor")),
    };
    items.chunks(2).map(named).collect()
}

const FLOATS: [Kind; 4] = [Kind::Double, Kind::Float, Kind::Half, Kind::BFloat16];

/// Where the numbers of a tensor lie.
#[derive(Clone, Debug)]
struct StoredTensor {
    storage: Storage,
    offset: i64,
    shape: Vec<i64>,
    strides: Vec<i64>,
}

/// The numbers of one or several tensors.
#[derive(Clone, Debug)]
struct Storage {
    key: Rc<str>,
    kind: Kind,
}

impl StoredTensor {
    fn lies_within(&self, num_elements: i64) -> bool {
        let last = || {
            let mut last = self.offset;
            for (&size, &stride) in self.shape.iter().zip(&self.strides) {
                last = last.checked_add(stride.checked_mul(size.checked_sub(1)?)?)?;
            }
            Some(last)
        };
        let signs = self.offset >= 0 && self.shape.iter().chain(&self.strides).all(|&number| number >= 0);
        signs && self.shape.len() == self.strides.len() && (self.shape.contains(&0) || last().is_some_and(|last| last < num_elements))
    }
}

/// What lies on the machine's stack.
#[derive(Clone, Debug)]
enum Value {
    Mark,
    /// None, truth values, fractions: nothing that a tensor's place depends on.
    Other,
    Integer(i64),
    Text(Rc<str>),
    Function(Function),
    Tuple(Rc<[Value]>),
    /// Or a list. The machine has the items of the outermost one; those of others belong to no tensor.
    Container,
    StorageType(Kind),
    Storage(Storage),
    Tensor(Rc<StoredTensor>),
}

/// The functions that a file of tensors may name.
#[derive(Clone, Copy, Debug)]
enum Function {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
}

/// A pickle's stack machine.
#[derive(Default)]
struct Machine<'a> {
    program: &'a [u8],
    stack: Vec<Value>,
    memo: HashMap<u32, Value>,
    /// What was put into the outermost container: keys and values by turns, or the elements of a list.
    items: Vec<Value>,
}

impl<'a> Machine<'a> {
    /// Runs a pickle, which is cut off `program`, and returns the items of the dictionary or list that it makes. An error says what was
    /// found.
    fn run(program: &mut &'a [u8]) -> Result<Vec<Value>, String> {
        let mut machine = Self { program, ..Self::default() };
        while machine.step()? {}
        *program = machine.program;
        Ok(machine.items)
    }

    /// One instruction; false after the last one.
    fn step(&mut self) -> Result<bool, String> {
        let [opcode] = self.take()?;
        match opcode {
            b'.' => return Ok(false),
            0x80 => self.take::<1>().map(drop)?,
            b'(' => self.stack.push(Value::Mark),
            b'N' | 0x88 | 0x89 => self.stack.push(Value::Other),
            b'G' => {
                self.take::<8>()?;
                self.stack.push(Value::Other);
            }
            b'K' => self.push_integer::<1>()?,
            b'M' => self.push_integer::<2>()?,
            b'J' => {
                let number = i32::from_le_bytes(self.take()?);
                self.stack.push(Value::Integer(number.into()));
            }
            0x8a => self.push_long()?,
            b'X' => self.push_text()?,
            b'c' => self.push_global()?,
            b'}' | b']' => self.stack.push(Value::Container),
            b')' => self.stack.push(Value::Tuple(Rc::new([]))),
            b't' => {
                let items = self.pop_to_mark()?;
                self.stack.push(Value::Tuple(items.into()));
            }
            0x85..=0x87 => {
                let start = self.stack.len().checked_sub(usize::from(opcode - 0x84)).ok_or("a torn pickle")?;
                let items = self.stack.split_off(start);
                self.stack.push(Value::Tuple(items.into()));
            }
            b'q' => {
                let [index] = self.take()?;
                self.memorize(index.into())?;
            }
            b'r' => {
                let index = u32::from_le_bytes(self.take()?);
                self.memorize(index)?;
            }
            b'h' => {
                let [index] = self.take()?;
                self.recall(index.into())?;
            }
            b'j' => {
                let index = u32::from_le_bytes(self.take()?);
                self.recall(index)?;
            }
            b'Q' => self.push_storage()?,
            b'R' => self.call()?,
            b's' | b'a' => {
                let start = self.stack.len().checked_sub(if opcode == b's' { 2 } else { 1 }).ok_or("a torn pickle")?;
                let items = self.stack.split_off(start);
                self.add_items(items)?;
            }
            b'u' | b'e' => {
                let items = self.pop_to_mark()?;
                self.add_items(items)?;
            }
            // The attributes of a dictionary: PyTorch keeps version numbers of modules there.
            b'b' => self.pop().map(drop)?,
            other => return Err(format!("instruction {other:#04x}, which tensors do not need")),
        }
        Ok(true)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (bytes, rest) = self.program.split_first_chunk().ok_or("a torn pickle")?;
        self.program = rest;
        Ok(*bytes)
    }

    fn take_slice(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (bytes, rest) = self.program.split_at_checked(length).ok_or("a torn pickle")?;
        self.program = rest;
        Ok(bytes)
    }

    fn pop(&mut self) -> Result<Value, String> {
        self.stack.pop().ok_or_else(|| "a torn pickle".to_owned())
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.stack.iter().rposition(|value| matches!(value, Value::Mark)).ok_or("a torn pickle")?;
        let items = self.stack.split_off(mark + 1);
        self.stack.truncate(mark);
        Ok(items)
    }

    fn push_integer<const N: usize>(&mut self) -> Result<(), String> {
        let number = self.take::<N>()?.iter().rev().fold(0, |number, &byte| number << 8 | i64::from(byte));
        self.stack.push(Value::Integer(number));
        Ok(())
    }

    /// Little-endian, two's complement.
    fn push_long(&mut self) -> Result<(), String> {
        let [length] = self.take()?;
        let bytes = self.take_slice(length.into())?;
        let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
        let mut number = [if negative { 0xff } else { 0 }; 8];
        number.get_mut(..bytes.len()).ok_or("an integer of more than 64 bits")?.copy_from_slice(bytes);
        self.stack.push(Value::Integer(i64::from_le_bytes(number)));
        Ok(())
    }

    fn push_text(&mut self) -> Result<(), String> {
        let length = u32::from_le_bytes(self.take()?);
        let text = std::str::from_utf8(self.take_slice(length as usize)?).map_err(|error| format!("a name that is not UTF-8: {error}"))?;
        self.stack.push(Value::Text(text.into()));
        Ok(())
    }

    fn push_global(&mut self) -> Result<(), String> {
        let mut line = || {
            let end = self.program.iter().position(|&byte| byte == b'\n').ok_or("a torn pickle")?;
            let line = String::from_utf8_lossy(self.take_slice(end)?).into_owned();
            self.take::<1>()?;
            Ok::<_, String>(line)
        };
        let (module, name) = (line()?, line()?);
        self.stack.push(match (module.as_str(), name.as_str()) {
            ("collections", "OrderedDict") => Value::Function(Function::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Value::Function(Function::RebuildTensor),
            ("torch._utils", "_rebuild_parameter") => Value::Function(Function::RebuildParameter),
            ("torch", "DoubleStorage") => Value::StorageType(Kind::Double),
            ("torch", "FloatStorage") => Value::StorageType(Kind::Float),
            ("torch", "HalfStorage") => Value::StorageType(Kind::Half),
            ("torch", "BFloat16Storage") => Value::StorageType(Kind::BFloat16),
            ("torch", "LongStorage") => Value::StorageType(Kind::Int64),
            ("torch", "IntStorage") => Value::StorageType(Kind::Int),
            ("torch", "ShortStorage") => Value::StorageType(Kind::Int16),
            ("torch", "CharStorage") => Value::StorageType(Kind::Int8),
            ("torch", "ByteStorage") => Value::StorageType(Kind::Uint8),
            ("torch", "BoolStorage") => Value::StorageType(Kind::Bool),
            _ => return Err(format!("{module}.{name}, which is no part of a tensor and was not run")),
        });
        Ok(())
    }

    fn memorize(&mut self, index: u32) -> Result<(), String> {
        let value = self.stack.last().ok_or("a torn pickle")?.clone();
        self.memo.insert(index, value);
        Ok(())
    }

    fn recall(&mut self, index: u32) -> Result<(), String> {
        let value = self.memo.get(&index).ok_or("a torn pickle")?.clone();
        self.stack.push(value);
        Ok(())
    }

    /// ("storage", type, key, device, number of elements) names an entry of the archive.
    fn push_storage(&mut self) -> Result<(), String> {
        let id = self.pop()?;
        let Value::Tuple(parts) = &id else { return Err(format!("{id:?} instead of a storage")) };
        let [Value::Text(_), Value::StorageType(kind), Value::Text(key), ..] = &**parts else {
            return Err(format!("{parts:?} instead of a storage"));
        };
        self.stack.push(Value::Storage(Storage { key: Rc::clone(key), kind: *kind }));
        Ok(())
    }

    fn call(&mut self) -> Result<(), String> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let (Value::Function(function), Value::Tuple(arguments)) = (&function, &arguments) else {
            return Err(format!("a call of {function:?}"));
        };
        let made = match (function, &**arguments) {
            (Function::OrderedDict, []) => Value::Container,
            (
                Function::RebuildTensor,
                [Value::Storage(storage), Value::Integer(offset), Value::Tuple(shape), Value::Tuple(strides), ..],
            ) => {
                let (storage, shape, strides) = (storage.clone(), integers(shape)?, integers(strides)?);
                Value::Tensor(Rc::new(StoredTensor { storage, offset: *offset, shape, strides }))
            }
            (Function::RebuildParameter, [tensor @ Value::Tensor(_), ..]) => tensor.clone(),
            _ => return Err(format!("{function:?} of {arguments:?}")),
        };
        self.stack.push(made);
        Ok(())
    }

    /// Puts items into the container below them.
    fn add_items(&mut self, items: Vec<Value>) -> Result<(), String> {
        match self.stack.as_slice() {
            [Value::Container] => self.items.extend(items),
            [.., Value::Container] => {}
            other => return Err(format!("items of {:?}", other.last())),
        }
        Ok(())
    }
}

fn integers(values: &[Value]) -> Result<Vec<i64>, String> {
    let integer =
        |value: &Value| if let Value::Integer(number) = value { Ok(*number) } else { Err(format!("{value:?} instead of a number")) };
    values.iter().map(integer).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::{CompressionMethod, ZipWriter, write::FileOptions};

    use super::*;

    /// A pickle's text instruction.
    fn text(text: &str) -> Vec<u8> {
        [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
    }

    /// What `torch.save` writes of a tensor: storage "0", 2 × 2 numbers from number 1 on, the second row before the first column.
    fn tensor(storage_type: &str) -> Vec<u8> {
        [
            b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
            text("storage"),
            format!("ctorch\n{storage_type}\n").into_bytes(),
            text("0"),
            text("cpu"),
            b"K\x05tQK\x01K\x02K\x02\x86K\x01K\x02\x86\x89ccollections\nOrderedDict\n)RtR".to_vec(),
        ]
        .concat()
    }

    /// An ordered dictionary with an attribute, as a module's state is.
    fn pickle(items: &[Vec<u8>]) -> Vec<u8> {
        [b"\x80\x02ccollections\nOrderedDict\n)Rq\x00(".to_vec(), items.concat(), b"u}".to_vec(), b"b.".to_vec()].concat()
    }

    fn read(pickle: &[u8], storage: &[u8]) -> Result<BTreeMap<String, Tensor>> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("pytorch_model.bin");
        let mut archive = ZipWriter::new(fs::File::create(&path).expect("a new file"));
        for (name, bytes) in [("archive/data.pkl", pickle), ("archive/data/0", storage)] {
            archive.start_file(name, FileOptions::default().compression_method(CompressionMethod::Stored)).expect("an entry");
            archive.write_all(bytes).expect("written");
        }
        archive.finish().expect("an archive");
        drop(archive);
        read_torch_file(&path)
    }

    fn numbers() -> Vec<u8> {
        [0.0_f32, 1.0, 2.0, 3.0, 4.0].iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    #[test]
    fn tensors_are_read_with_their_offsets_and_strides() {
        let items = [text("a"), tensor("FloatStorage"), text("b"), tensor("LongStorage")];
        let read = read(&pickle(&items), &numbers()).expect("a sound file");
        assert_eq!(read.keys().collect::<Vec<_>>(), ["a"], "integers are left out");
        assert!(read["a"].equal(&Tensor::from_slice2(&[[1.0_f32, 3.0], [2.0, 4.0]])));
    }

    #[test]
    fn nothing_but_tensors_is_read_and_nothing_is_run() {
        let check = |pickle: &[u8], storage: &[u8], expected: &str| {
            let error = read(pickle, storage).expect_err("no file of tensors").to_string();
            assert!(error.contains(expected) && error.contains("save the model again"), "{error}");
        };
        let command = [b"cposix\nsystem\n".to_vec(), text("touch here"), b"\x85R".to_vec()].concat();
        check(&pickle(&[text("a"), command]), &[], "found posix.system, which is no part of a tensor and was not run");
        check(&pickle(&[text("a"), tensor("FloatStorage")]), &numbers()[..16], "tensor a of shape [2, 2] in a storage of 4 numbers");
        check(&pickle(&[text("a"), text("b")]), &[], "instead of a name and a tensor");
        check(b"\x80\x04\x95", &[], "instruction 0x95");
        let whole = pickle(&[text("a"), tensor("FloatStorage")]);
        for end in 0..whole.len() {
            read(&whole[..end], &numbers()).expect_err("a torn pickle");
        }
    }

    fn read_bytes(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("pytorch_model.bin");
        fs::write(&path, bytes).expect("written");
        read_torch_file(&path)
    }

    #[test]
    fn files_from_before_zip_are_read_too() {
        let facts = [b"\x80\x02}q\x00(".to_vec(), text("little_endian"), b"\x88u.".to_vec()].concat();
        let items = [text("a"), tensor("FloatStorage")];
        let keys = [b"\x80\x02]q\x01".to_vec(), text("0"), b"a.".to_vec()].concat();
        let data = [5_i64.to_le_bytes().to_vec(), numbers()].concat();
        let whole = [OLD_MAGIC.to_vec(), b"\x80\x02M\xe9\x03.".to_vec(), facts, pickle(&items), keys, data].concat();
        let read = read_bytes(&whole).expect("a sound file");
        assert!(read["a"].equal(&Tensor::from_slice2(&[[1.0_f32, 3.0], [2.0, 4.0]])));
        for end in 0..whole.len() {
            read_bytes(&whole[..end]).expect_err("a torn file");
        }
        let error = read_bytes(b"a text").expect_err("no such file").to_string();
        assert!(error.contains("expected tensors by name, as torch.save writes them, found no file of torch.save"), "{error}");
    }
}
